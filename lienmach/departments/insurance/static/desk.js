// Space on the row of a list marks it, as a hand on the keyboard expects; without this file the box itself is reached by Tab.
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || !event.target.matches("tr a[data-item]")) return;
  const box = event.target.closest("tr").querySelector("input[type=checkbox]");
  if (!box) return;
  event.preventDefault();
  box.checked = !box.checked;
});
