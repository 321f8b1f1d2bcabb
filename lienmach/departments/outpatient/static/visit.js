// The chart: keys, lists below a field, snippets, one writing tab a visit, and drafts that are never lost.
// Everything here is a convenience; the forms work without it.
(() => {
  "use strict";
  const one = (selector, from = document) => from.querySelector(selector);
  const chart = one(".chart[data-visit]");

  // Keys of the chart go before those of the frame: F4 is an order here, not a new person.
  window.addEventListener("keydown", (event) => {
    if (one("dialog[open]")) return;
    if (event.altKey && /^[1-3]$/.test(event.key) && one(".chart")) {
      const column = document.querySelectorAll(".chart > .col")[Number(event.key) - 1];
      if (column) { event.preventDefault(); event.stopImmediatePropagation(); column.focus(); }
      return;
    }
    if (!/^F\d+$/.test(event.key)) return;
    const target = one(`[data-visit-key='${event.key}']`);
    if (!target) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const panel = target.dataset.goes && document.getElementById(target.dataset.goes);
    const field = panel && (one("input[type=search], input[type=text]:not(.off)", panel) || (panel.tabIndex >= -1 && panel.hasAttribute("tabindex") ? panel : null));
    if (field) { field.focus(); field.scrollIntoView({ block: "nearest" }); } else target.click();
  }, true);

  // A visit of the insurance cannot be signed in the minute in which it began: the button opens with the next one.
  const later = one("button[data-wait-seconds]");
  if (later) setTimeout(() => { later.disabled = false; one("#wait")?.remove(); }, Number(later.dataset.waitSeconds) * 1000);

  // A list below a field: arrows choose, Enter takes, Esc closes. The field keeps the focus.
  const listOf = (field) => document.getElementById(field.dataset.combo);
  const options = (list) => [...list.querySelectorAll("[role=option]:not([aria-disabled])")];
  function mark(field, list, index) {
    const all = options(list);
    all.forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    field.setAttribute("aria-activedescendant", all[index] ? all[index].id : "");
    all[index]?.scrollIntoView({ block: "nearest" });
  }
  function close(field) {
    const list = listOf(field);
    if (list) list.replaceChildren();
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
  }
  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("[data-combo]");
    if (!field) return;
    const list = listOf(field), all = list ? options(list) : [];
    const at = all.findIndex((item) => item.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" && all.length) { event.preventDefault(); mark(field, list, Math.min(at + 1, all.length - 1)); }
    else if (event.key === "ArrowUp" && all.length) { event.preventDefault(); mark(field, list, Math.max(at - 1, 0)); }
    else if (event.key === "Enter" && field.value.trim()) {
      event.preventDefault();
      if (all.length && field.dataset.listOf === field.value) one(".option", all[Math.max(at, 0)])?.click(); else field.dataset.enter = field.value;
    } else if (event.key === "Escape" && all.length) { event.preventDefault(); event.stopPropagation(); close(field); }
  }, true);
  document.addEventListener("htmx:afterSwap", (event) => {
    const list = event.detail.target;
    const field = list && list.id && one(`[data-combo='${list.id}']`);
    if (field) {
      field.dataset.listOf = event.detail.requestConfig.parameters[field.name];
      field.setAttribute("aria-expanded", String(options(list).length > 0));
    }
    if (list && (list.id === "codes" || one("#codes", list))) refocus = refocus === "icd" ? (one("#icd")?.focus(), "") : refocus;
  });
  // An Enter that was faster than the answer; not before the lines are set up, or the click would be lost.
  document.addEventListener("htmx:afterSettle", (event) => {
    const list = event.detail.target, field = one(`[data-combo='${list.id}']`);
    if (field && field.dataset.enter && field.dataset.enter === field.value && field.dataset.listOf === field.value && options(list).length) { delete field.dataset.enter; one(".option", options(list)[0]).click(); }
  });
  let refocus = "";
  document.addEventListener("click", (event) => {
    if (event.target.closest("#icd-list .option")) refocus = "icd";
    document.querySelectorAll("[data-combo]").forEach((field) => {
      if (!event.target.closest(".options") && event.target !== field) close(field);
    });
  });
  // A panel that loads beside the note must not take the cursor away from it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const panel = event.detail.target;
    if (!/-panel$/.test(panel?.id || "")) return;
    event.detail.serverResponse = event.detail.serverResponse.replaceAll(" autofocus", "");
    const field = document.activeElement;
    held = panel.contains(field) && field.id && "value" in field ? { id: field.id, value: field.value } : null;
  });
  // Nor take away what is being typed in the panel itself.
  let held = null;
  document.addEventListener("htmx:afterSettle", (event) => {
    const field = held && /-panel$/.test(event.detail.target?.id || "") && document.getElementById(held.id);
    if (!field) return;
    field.value = held.value;
    field.focus();
    if (held.value) htmx.trigger(field, "input");
    held = null;
  });

  // Snippets: ".cam" and a blank.
  document.addEventListener("input", (event) => {
    const area = event.target;
    if (!area.matches?.("[data-snippets]")) return;
    const before = area.value.slice(0, area.selectionStart);
    const typed = /(?:^|\s)(\.[\p{L}\d-]{2,20})\s$/u.exec(before);
    if (!typed) return;
    const known = [...document.querySelectorAll("#code option")].some((option) => option.value === typed[1]);
    if (!known) return;
    const form = area.form;
    area.value = (before.trimEnd() + area.value.slice(area.selectionStart)).trimEnd();
    expanded = area.id;
    htmx.ajax("POST", `${form.getAttribute("action")}/snippet`, { source: form, target: "#note-form", swap: "outerHTML", values: { code: typed[1], field: area.name } });
  });
  // The cursor goes behind what was filled in; htmx would select it, and the next key would wipe it out.
  let expanded = "";
  document.addEventListener("htmx:afterSettle", () => {
    const area = expanded && document.getElementById(expanded);
    if (!area || !area.value) return;
    expanded = "";
    requestAnimationFrame(() => { area.focus(); area.setSelectionRange(area.value.length, area.value.length); });
  });

  // What is typed is kept even when the page is left in the same moment.
  let isDirty = false;
  document.addEventListener("input", (event) => { if (event.target.closest("#note-form")) isDirty = true; });
  document.addEventListener("submit", () => { isDirty = false; });
  document.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.target?.id === "kept") isDirty = false; });
  function flush() {
    const form = one("#note-form");
    if (!isDirty || !form || one(".chart.read-only")) return;
    isDirty = false;
    navigator.sendBeacon(form.getAttribute("action"), new FormData(form));
  }
  addEventListener("pagehide", flush);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") flush(); });

  // One tab writes a visit; others of the same browser only read until they claim it.
  if (chart && "BroadcastChannel" in window) {
    const channel = new BroadcastChannel("lienmach-visit"), visit = chart.dataset.visit, mine = crypto.getRandomValues(new Uint32Array(1))[0];
    let writes = true;
    const set = (value) => {
      writes = value;
      chart.classList.toggle("read-only", !value);
      chart.querySelectorAll("form").forEach((form) => { form.inert = !value; });
      document.querySelectorAll("[form='note-form']").forEach((button) => { button.disabled = !value; });
      const box = one("#other-tab");
      if (box) box.hidden = value;
    };
    channel.onmessage = ({ data }) => {
      if (data.visit !== visit || data.tab === mine) return;
      if (data.word === "ask" && writes) channel.postMessage({ word: "mine", visit, tab: mine });
      else if (data.word === "mine" && !claimed) set(false);
      else if (data.word === "claim") { flush(); set(false); }
    };
    let claimed = false;
    channel.postMessage({ word: "ask", visit, tab: mine });
    one("[data-claim]")?.addEventListener("click", () => { claimed = true; channel.postMessage({ word: "claim", visit, tab: mine }); location.reload(); });
  }

  // What can be taken back for a moment says so only for that moment.
  function vanish(root) {
    root.querySelectorAll("[data-vanish]").forEach((box) => setTimeout(() => box.remove(), Number(box.dataset.vanish) * 1000));
  }
  vanish(document);
})();
