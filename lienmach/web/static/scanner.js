// A scanner is a keyboard that types fast and ends with Enter. This listener keeps the raw keys of each burst, by
// their place on the keyboard and not by what an input method makes of them, so that a scan that Telex has mangled
// can be read again. Outside a text field the scan opens the find page; in the find box it fills the field `raw`.
(() => {
  "use strict";
  const GAP_MS = 120, LENGTH_MIN = 8, LENGTH_MAX = 2000, MEAN_MS = 45;
  const shifted = { Digit1: "!", Digit2: "@", Digit3: "#", Digit4: "$", Digit5: "%", Digit6: "^", Digit7: "&", Digit8: "*", Digit9: "(", Digit0: ")",
    Minus: "_", Equal: "+", BracketLeft: "{", BracketRight: "}", Backslash: "|", Semicolon: ":", Quote: '"', Comma: "<", Period: ">", Slash: "?", Backquote: "~" };
  const plain = { Minus: "-", Equal: "=", BracketLeft: "[", BracketRight: "]", Backslash: "\\", Semicolon: ";", Quote: "'", Comma: ",", Period: ".", Slash: "/", Backquote: "`", Space: " " };
  let burst = "", began = 0, last = 0;

  function charOf(event) {
    const code = event.code, key = event.key;
    if (event.ctrlKey || event.altKey || event.metaKey) return "";
    if (key.length === 1 && (shifted[code] === key || plain[code] === key || (code.startsWith("Key") && code[3] === key.toUpperCase()))) return key;
    if (/^Key[A-Z]$/.test(code)) return event.shiftKey !== event.getModifierState("CapsLock") ? code[3] : code[3].toLowerCase();
    if (/^Digit\d$/.test(code)) return event.shiftKey ? shifted[code] : code[5];
    if (/^Numpad\d$/.test(code)) return code[6];
    return (event.shiftKey ? shifted[code] : plain[code]) || plain[code] || "";
  }

  function take() {
    const mean = (last - began) / burst.length, bars = burst.split("|").length - 1;
    const isScan = burst.length >= LENGTH_MIN && (mean < MEAN_MS || (bars >= 3 && mean < GAP_MS));
    const text = isScan ? burst : "";
    burst = "";
    return text;
  }

  document.addEventListener("keydown", (event) => {
    const now = event.timeStamp;
    if (event.code === "Enter" || event.code === "NumpadEnter") {
      const text = now - last < 4 * GAP_MS ? take() : "";
      burst = "";
      if (!text) return;
      const field = event.target.closest("input, textarea");
      const raw = document.querySelector("[data-raw]");
      if (field && field.matches("[data-find], [data-raw-field]") && raw) {
        event.preventDefault();
        raw.value = text;
        if (field.matches("[data-raw-field]")) field.value = text;
        raw.form.requestSubmit();
        raw.value = "";
      } else if (!field && text.includes("|")) {
        event.preventDefault();
        const box = document.querySelector("[data-find]");
        const url = document.querySelector("[data-key='F2']")?.href || (box && box.form.action);
        // The code of a card is a person's data: it goes in the body of a POST, never into a URL.
        if (box && raw) { raw.value = text; raw.form.requestSubmit(); raw.value = ""; } else if (url) { sessionStorage.setItem("scan", text); location.assign(url); }
      }
      return;
    }
    const char = charOf(event);
    if (!char) return;
    if (now - last > GAP_MS) { burst = ""; began = now; }
    last = now;
    if (burst.length < LENGTH_MAX) burst += char;
    // The raw field shows the keys themselves, whatever the input method wants.
    if (event.target.closest("[data-raw-field]")) {
      event.preventDefault();
      event.target.setRangeText(char, event.target.selectionStart, event.target.selectionEnd, "end");
    }
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    const text = sessionStorage.getItem("scan"), raw = document.querySelector("[data-raw]");
    sessionStorage.removeItem("scan");
    if (text && raw) { raw.value = text; raw.form.requestSubmit(); raw.value = ""; }
  });
})();
