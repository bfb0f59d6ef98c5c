# docker build -t tinyimage . && docker run --rm -v "$PWD/figures:/tinyimage/figures" tinyimage make report
FROM python:3.12-slim-bookworm AS system
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*

FROM system
WORKDIR /tinyimage
COPY . .
RUN make setup
CMD ["make", "report"]
