/* Refresh the parts of the sharing pages that change by themselves.

   Each part asks for itself with htmx. The server answers 204 when nothing has changed: then it is asked less
   and less often. Nothing is asked while the page is hidden, or while a person works in that part. */
(function () {
  "use strict";
  if (window.sharingPages) { return; }
  window.sharingPages = true;

  const SOON = 2000, LATE = 30000, SPOKEN = 10000;
  const parts = new Map();
  const untold = new Map();
  let spoken = null;

  function plan(id, wait) {
    const part = parts.get(id);
    clearTimeout(part.timer);
    part.wait = Math.min(wait, LATE);
    part.timer = setTimeout(function () { look(id); }, part.wait);
  }

  function look(id) {
    const element = document.getElementById(id), part = parts.get(id);
    if (!element || !window.htmx) { return; }
    if (document.hidden) { return; }
    if (part.asking || inUse(element)) { plan(id, part.wait); return; }
    part.asking = true;
    window.htmx.ajax("GET", element.dataset.sharingLive, {
      source: element, target: element, swap: "outerHTML"
    }).finally(function () { part.asking = false; });
  }

  function lookAtAll() { parts.forEach(function (_, id) { plan(id, 0); parts.get(id).wait = SOON; }); }

  function inUse(element) {
    const active = document.activeElement;
    const typing = active && element.contains(active) && active.matches("input:not([type=checkbox]), select, textarea");
    return typing || element.querySelector("details[open]") !== null;
  }

  function register() {
    showAll();
    showFields();
    document.querySelectorAll("[data-sharing-live]").forEach(function (element) {
      if (!parts.has(element.id)) { parts.set(element.id, {}); plan(element.id, SOON); }
    });
  }

  function states(element) {
    const found = new Map();
    element.querySelectorAll("[data-sharing-state]").forEach(function (each) {
      const text = each.dataset.sharingState;
      found.set(text.slice(0, text.lastIndexOf(": ")), text);
    });
    return found;
  }

  // Tell a screen reader the latest state of each share, no more often than a person can listen.
  function tell(news) {
    news.forEach(function (text, name) { untold.set(name, text); });
    if (spoken === null && untold.size) { speak(); }
  }

  function speak() {
    spoken = null;
    if (!untold.size) { return; }
    announce(Array.from(untold.values()).join(". "));
    untold.clear();
    spoken = setTimeout(speak, SPOKEN);
  }

  function announce(text) {
    let region = document.getElementById("sharing-announcements");
    if (!region) {
      region = document.createElement("div");
      region.id = "sharing-announcements";
      region.className = "visually-hidden";
      region.setAttribute("role", "status");
      region.setAttribute("aria-live", "polite");
      document.body.appendChild(region);
    }
    region.textContent = text;
  }

  // Keep the number in the navigation bar as true as the page.
  function count(number) {
    const badge = document.querySelector("[data-sharing-needing]");
    if (!badge || !number) { return; }
    badge.hidden = number === "0";
    badge.firstElementChild.textContent = Number(number).toLocaleString("en");
    badge.lastElementChild.hidden = number === "1";  // "1 action", "2 actions"
  }

  function keyOf(element) {
    return element.getAttribute("aria-label") || element.name || element.getAttribute("href") || element.textContent.trim();
  }

  function ticks(element) { return Array.from(element.querySelectorAll("input[form=sharing-many], #sharing-many [name=all]")); }

  // Without scripts, a box that ticks all others would do nothing.
  function showAll() {
    document.querySelectorAll("[data-sharing-all]").forEach(function (each) { each.hidden = false; });
  }

  // The fields of a destination are shown while it is chosen; without scripts all are shown.
  function showFields() {
    document.querySelectorAll("[data-sharing-fields-of]").forEach(function (each) {
      each.hidden = !each.closest("form").querySelector("[data-sharing-fields='" + each.id + "']:checked");
    });
  }

  document.addEventListener("change", showFields);

  document.addEventListener("change", function (event) {
    if (!event.target.matches("[data-sharing-all]")) { return; }
    document.querySelectorAll("input[form=sharing-many]").forEach(function (each) {
      each.checked = event.target.checked;
    });
  });

  document.addEventListener("htmx:configRequest", function (event) {
    const part = parts.get(event.detail.elt.id);
    if (!part || !event.detail.elt.dataset.sharingLive) { return; }
    new URLSearchParams(window.location.search).forEach(function (value, name) {
      event.detail.parameters[name] = value;
    });
    if (part.seen) { event.detail.parameters.seen = part.seen; }
  });

  document.addEventListener("htmx:beforeSwap", function (event) {
    const part = parts.get(event.detail.target.id);
    if (!part || !part.asking) { return; }
    part.late = inUse(event.detail.target);  // a person has begun to work there since it asked
    if (part.late) { event.detail.shouldSwap = false; return; }
    part.states = states(event.detail.target);
    const active = document.activeElement;
    part.ticked = ticks(event.detail.target).filter(function (each) { return each.checked; }).map(keyOf);
    part.focus = active && event.detail.target.contains(active) ? keyOf(active) : null;
  });

  document.addEventListener("htmx:afterRequest", function (event) {
    const id = event.detail.target && event.detail.target.id, part = parts.get(id);
    if (!part || !part.asking) { return; }
    const answer = event.detail.xhr;
    count(answer.getResponseHeader("X-Sharing-Needing"));
    if (part.late) {
      part.late = false;
      plan(id, SOON);
    } else if (answer.status === 200) {
      part.seen = answer.getResponseHeader("X-Sharing-Digest");
      plan(id, SOON);
    } else {
      plan(id, (part.wait || SOON) * 1.5);
    }
  });

  document.addEventListener("htmx:afterSettle", function (event) {
    register();
    offer(document.activeElement);
    const element = document.getElementById(event.detail.target.id) || event.detail.elt;
    // Move the keyboard focus to the answer, or to the first error.
    const next = element && element.querySelector("[data-sharing-focus]");
    if (next) { next.focus(); }
    const part = element && parts.get(element.id);
    if (!part || !part.states) { return; }
    const before = part.states, news = new Map();
    states(element).forEach(function (text, name) {
      if (before.has(name) && before.get(name) !== text) { news.set(name, text); }
    });
    part.states = null;
    tell(news);
    ticks(element).forEach(function (each) { each.checked = part.ticked.includes(keyOf(each)); });
    if (part.focus) {
      const same = Array.from(element.querySelectorAll("a, button, input")).find(function (each) {
        return keyOf(each) === part.focus;
      });
      if (same) { same.focus({preventScroll: true}); }
      part.focus = null;
    }
  });

  // A browser completes a whole field: offer each name behind those that stand there.
  function offer(field) {
    if (!field || !field.matches("input[data-sharing-names]") || !field.list) { return; }
    const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
    field.list.querySelectorAll("option").forEach(function (option) {
      option.dataset.name = option.dataset.name || option.value;
      option.value = before ? before + " " + option.dataset.name : option.dataset.name;
    });
  }

  document.addEventListener("input", function (event) { offer(event.target); });

  document.addEventListener("visibilitychange", function () { if (!document.hidden) { lookAtAll(); } });
  document.addEventListener("sharing:changed", lookAtAll);

  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", register);
  } else {
    register();
  }
})();
