// Prints the slip by itself and puts the next Enter on "next person".
(() => {
  "use strict";
  const slip = document.querySelector("[data-print-now]"), next = document.getElementById("next-person");
  if (slip) {
    history.replaceState(null, "", location.pathname); // going back does not print again
    window.addEventListener("afterprint", () => next?.focus());
    window.print();
  }
  next?.focus();
})();
