/* Explorers: forms whose controls choose from pictures and counts that were made ahead. */
"use strict";

function showPicture(form) {
  const controls = [...form.elements].filter((control) => control.name);
  const fewer = form.querySelector("option:checked[data-views]")?.dataset.views;
  const value = (control) => (control.name === "view" && fewer) || control.value;
  const file = controls.reduce((name, control) => name.replace(`{${control.name}}`, value(control)), form.dataset.picture);
  const words = controls.map((control) => control.selectedOptions?.[0].text ?? `${control.name} ${value(control)}`).join(", ");
  form.querySelector("img").src = file;
  form.querySelector("img").alt = form.querySelector("output").value = words;
}

function showAnswers(form) {
  const { classes, n, networks } = JSON.parse(document.getElementById(form.dataset.answers).text);
  const own = Number(form.elements.class.value);
  form.querySelector("output").value = n[own];
  form.querySelectorAll("table").forEach((table, network) => {
    [...table.rows].forEach((row, place) => {
      const [label, count] = networks[network].named[own][place] ?? [null, 0];
      row.hidden = label === null;
      row.classList.toggle("right", label === own);
      row.cells[0].textContent = classes[label] ?? "";
      row.cells[1].firstElementChild.style.width = `${(100 * count) / n[own]}%`;
      row.cells[2].textContent = count;
    });
  });
}

for (const form of document.querySelectorAll("form.explorer")) {
  const show = () => (form.dataset.picture ? showPicture(form) : showAnswers(form));
  form.querySelector("fieldset").hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  show();
}
