// Asks for the lines every three seconds and says new calls aloud if the page was opened with a voice.
// Written for the browsers of old televisions: no arrow functions, no fetch.
(function () {
  "use strict";
  var box = document.getElementById("lines"), said = {}, first = true;
  var sentence = document.body.getAttribute("data-voice");

  function speak(row) {
    if (!sentence || !window.speechSynthesis || !window.SpeechSynthesisUtterance) return;
    var words = sentence.replace("{number}", row.getAttribute("data-number")).replace("{place}", row.getAttribute("data-place"));
    var voice = new SpeechSynthesisUtterance(words);
    voice.lang = document.documentElement.lang === "en" ? "en-US" : "vi-VN";
    voice.rate = 0.9;
    window.speechSynthesis.speak(voice);
  }

  function look() {
    var rows = document.querySelectorAll("[data-call]"), i, key;
    for (i = 0; i < rows.length; i += 1) {
      key = rows[i].getAttribute("data-call");
      if (!said[key] && !first) speak(rows[i]);
      said[key] = true;
    }
    first = false;
  }

  function ask() {
    var asking = new XMLHttpRequest();
    asking.open("GET", location.href);
    asking.setRequestHeader("HX-Request", "true");
    asking.timeout = 5000;
    asking.onload = function () {
      if (asking.status === 200) { box.innerHTML = asking.responseText; look(); }
      setTimeout(ask, 3000);
    };
    asking.onerror = asking.ontimeout = function () { setTimeout(ask, 3000); };
    asking.send();
  }

  look();
  setTimeout(ask, 3000);
})();
