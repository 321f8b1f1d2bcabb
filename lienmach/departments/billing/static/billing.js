// What a cashier counts in the head: the change to hand back, and the sum of the notes. The server works both out again.
(() => {
  "use strict";
  const read = (text) => {
    const plain = text.trim().replace(/[₫đ\s]/g, "");
    const found = /^(\d{1,3}(?:[.,]\d{3})+|\d+)(k?)$/i.exec(plain);
    return found ? Number(found[1].replace(/[.,]/g, "")) * (found[2] ? 1000 : 1) : NaN;
  };
  const write = (amount) => `${String(Math.abs(amount)).replace(/\B(?=(\d{3})+$)/g, ".")} ₫`;

  function change(form) {
    const box = form.querySelector("[data-change]");
    const back = read(form.querySelector("[data-given]").value) - read(form.querySelector("[data-amount]").value);
    box.hidden = !(back > 0);
    if (back > 0) box.querySelector("b").textContent = write(back);
  }

  function count(form) {
    let sum = 0;
    form.querySelectorAll("[data-note]").forEach((field) => {
      const own = /^\d{0,6}$/.test(field.value.trim()) ? Number(field.value.trim() || 0) * Number(field.dataset.note) : NaN;
      sum += own;
      field.closest("tr").querySelector("[data-product]").textContent = Number.isNaN(own) ? "?" : write(own);
    });
    const other = form.querySelector("[name=other]").value;
    if (other.trim()) sum += read(other);
    const total = form.querySelector("[data-sum]"), gap = form.querySelector("[data-gap]");
    total.textContent = Number.isNaN(sum) ? "?" : write(sum);
    if (gap && !Number.isNaN(sum)) {
      const difference = sum - Number(gap.dataset.gap);
      gap.textContent = (difference < 0 ? "−" : difference > 0 ? "+" : "") + write(difference);
    }
  }

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form");
    if (form && form.matches("[data-change-form]")) change(form);
    if (form && form.matches("[data-count-form]")) count(form);
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-change-form]").forEach(change);
    document.querySelectorAll("[data-count-form]").forEach(count);
  });
})();
