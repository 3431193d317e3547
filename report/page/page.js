(function () {
  "use strict";
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.filter.call(document.querySelectorAll("details"), function (d) { return !d.open; });
    opened.forEach(function (d) { d.open = true; });
  });
  window.addEventListener("afterprint", function () {
    opened.forEach(function (d) { d.open = false; });
  });
  var table = document.getElementById("all");
  if (!table) return;
  var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows);
  var form = document.getElementById("filter"), text = form.elements.text, word = form.elements.word;
  var shown = document.getElementById("shown");
  function filter() {
    var parts = text.value.toLowerCase().split(/\s+/), n = 0;
    rows.forEach(function (r) {
      var s = r.textContent.toLowerCase();
      var hit = (!word.value || r.getAttribute("data-word") === word.value) && parts.every(function (p) { return s.indexOf(p) >= 0; });
      r.hidden = !hit;
      if (hit) n++;
    });
    shown.textContent = n + " of " + rows.length + " shown";
  }
  text.addEventListener("input", filter);
  word.addEventListener("change", filter);
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.hidden = false;
  filter();
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (th, i) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = th.textContent;
    th.textContent = "";
    th.appendChild(button);
    button.addEventListener("click", function () {
      var down = th.getAttribute("aria-sort") === "ascending";
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (o) { o.removeAttribute("aria-sort"); });
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      function key(r) {
        var k = r.cells[i].getAttribute("data-key");
        return k === null || k === "" ? r.cells[i].textContent : Number(k);
      }
      rows.map(function (r, at) { return { r: r, k: key(r), at: at }; }).sort(function (a, b) {
        var c = typeof a.k === "number" && typeof b.k === "number" ? a.k - b.k : String(a.k).localeCompare(String(b.k), "en", { numeric: true });
        return (down ? -c : c) || a.at - b.at;
      }).forEach(function (x) { body.appendChild(x.r); });
    });
  });
})();
