// Listbox by keyboard, Enter from field to field, ten seconds of undo. Pages work without it, by their buttons.
(() => {
  "use strict";
  const listOf = (box) => document.getElementById(box.dataset.combobox);
  const optionsOf = (box) => [...(listOf(box)?.querySelectorAll("[role=option]") ?? [])];

  function mark(box, at) {
    const all = optionsOf(box);
    all.forEach((one, index) => one.setAttribute("aria-selected", String(index === at)));
    if (all[at]) {
      box.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    } else box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-expanded", String(all.length > 0));
  }

  const marked = (box) => optionsOf(box).findIndex((one) => one.getAttribute("aria-selected") === "true");

  // A new list: its first line is what Enter takes, as long as nothing more was typed than it was asked for.
  document.addEventListener("htmx:afterSwap", (event) => {
    const box = document.querySelector(`[data-combobox="${event.detail.target.id}"]`);
    if (box) { box.dataset.listOf = event.detail.requestConfig.parameters[box.name]; mark(box, 0); }
  });

  // An Enter that is faster than the answer waits for it: what was typed last is what is added.
  document.addEventListener("htmx:afterSettle", (event) => {
    const box = document.querySelector(`[data-combobox="${event.detail.target.id}"]`);
    if (box && box.value && box.dataset.wanted === box.value && box.dataset.listOf === box.value) { delete box.dataset.wanted; take(box); }
  });

  function take(box) {
    const all = optionsOf(box);
    const option = all[Math.max(marked(box), 0)];
    if (option) option.click(); // a click, for htmx sends the button that was clicked
  }

  function next(field) {
    const fields = [...field.form.querySelectorAll("input:not([type=hidden]), select, textarea, button[data-main]")].filter((one) => !one.disabled && one.offsetParent);
    const after = fields[fields.indexOf(field) + 1];
    if (after) { after.focus(); after.select?.(); }
  }

  document.addEventListener("keydown", (event) => {
    const box = event.target.closest?.("[data-combobox]");
    if (box) {
      const all = optionsOf(box);
      if (event.key === "ArrowDown" && all.length) { event.preventDefault(); mark(box, Math.min(marked(box) + 1, all.length - 1)); }
      else if (event.key === "ArrowUp" && all.length) { event.preventDefault(); mark(box, Math.max(marked(box) - 1, 0)); }
      else if (event.key === "Escape") { listOf(box).replaceChildren(); mark(box, -1); }
      else if (event.key === "Enter") {
        event.preventDefault();
        if (!box.value.trim()) { box.form.querySelector("[data-main]")?.focus(); return; }
        if (all.length && box.dataset.listOf === box.value) take(box);
        else { box.dataset.wanted = box.value; htmx.trigger(box, "input"); }
      }
      return;
    }
    // Enter goes on to the next field; in the last one of a line it returns to the search.
    const field = event.target.closest?.("[data-step]");
    if (field && event.key === "Enter") {
      event.preventDefault();
      if (field.dataset.last !== undefined) field.form.querySelector("[data-combobox]")?.focus();
      else next(field);
    }
  });

  // A changed line is sent at once: dangers, quantities and totals are of what stands on the screen.
  const FINAL = /^(place|write|replace|agree)/;
  document.addEventListener("change", (event) => { if (event.target.closest?.("[data-step]")) send(event.target); });
  // What was typed while an answer came in is no "change" for the browser; it is sent when its field is left.
  document.addEventListener("focusout", (event) => {
    if (event.target.dataset?.typed !== undefined) { delete event.target.dataset.typed; send(event.target); }
  });

  function send(field) {
    const form = field.form;
    if (field.dataset.combobox || !form?.hasAttribute("hx-post") || form.dataset.busy !== undefined) return;
    setTimeout(() => { // after the focus has moved, so that it is found again
      if (!form.isConnected) return;
      const step = document.createElement("input");
      step.type = "hidden"; step.name = "step"; step.value = field.dataset.step;
      form.append(step);
      htmx.trigger(form, "submit");
      step.remove();
    }, 0);
  }

  // Nothing typed is lost to an answer: what changed since it was asked for is put back into the new form.
  const fieldsOf = (root) => [...root.querySelectorAll("input[id]:not([type=hidden]), select[id], textarea[id]")];
  let asked = new Map();
  let typed = [];
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.detail.elt;
    if (!form.matches?.("form[hx-post]")) return;
    asked = new Map(fieldsOf(form).map((one) => [one.id, one.value]));
    if (FINAL.test(event.detail.requestConfig.parameters.step ?? "")) form.dataset.busy = "";
  });
  document.addEventListener("htmx:afterRequest", (event) => { delete event.detail.elt.dataset?.busy; });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const isWhole = event.detail.target.matches?.("#orders, #prescription") && event.detail.elt.matches?.("form");
    typed = isWhole ? fieldsOf(event.detail.target).filter((one) => asked.has(one.id) && asked.get(one.id) !== one.value).map((one) => [one.id, one.value]) : [];
  });
  document.addEventListener("htmx:afterSettle", () => { // not before: a field that is not yet set up would not search
    for (const [id, value] of typed) {
      const field = document.getElementById(id);
      if (!field) continue;
      field.value = value;
      if (field.dataset.combobox) htmx.trigger(field, "input");
      else if (field === document.activeElement) field.dataset.typed = "";
      else send(field);
    }
    typed = [];
  });

  document.addEventListener("htmx:load", vanish);
  document.addEventListener("DOMContentLoaded", vanish);
  function vanish() {
    document.querySelectorAll("[data-vanish]:not([data-counting])").forEach((one) => {
      one.dataset.counting = "";
      setTimeout(() => one.querySelector("form")?.remove(), Number(one.dataset.vanish) * 1000);
    });
  }
})();
