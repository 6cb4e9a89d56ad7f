// In every page of tests/support/browser.py: finds things as a person would, by their names.
(() => {
  const shown = (one) => one.getClientRects().length > 0 && getComputedStyle(one).visibility !== "hidden";
  const clean = (text) => (text || "").replace(/\s+/g, " ").trim();
  const name = (one) => clean(one.getAttribute("aria-label") || one.innerText);
  const top = () => [...document.querySelectorAll("dialog[open]")].pop() || document;
  const all = (selector) => [...top().querySelectorAll(selector)].filter(shown);
  const label = (fits) => all("label").find((one) => fits(clean(one.innerText)))?.control;
  window.consoleTest = {
    named: (wanted, within) => within ? [...top().querySelectorAll(`${within} *`)].filter(shown).find((one) => name(one) === wanted) :
      all("button, a, summary, [role=option]").find((one) => name(one) === wanted)
      || label((text) => text === wanted)
      || label((text) => text.startsWith(wanted))
      || all("input").find((one) => one.ariaLabel === wanted),
    field: (wanted) =>
      label((text) => text === wanted) || all("input, textarea, select").find((one) => clean(one.getAttribute("aria-label")) === wanted),
    editor: (wanted) =>
      all(".editor").map((one) => one.shadowRoot?.querySelector(".cm-content")).find((one) => one?.ariaLabel === wanted),
    set: (wanted, value) => {
      const field = window.consoleTest.field(wanted);
      field.value = value;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    },
    // Where to click, once it has not moved for a frame: what loads late pushes other things about.
    place: async (wanted, within) => {
      for (let before = ""; ;) {
        const one = window.consoleTest.named(wanted, within);
        if (!one) return { free: false, over: "nothing of this name" };
        one.scrollIntoView({ block: "center" });
        const box = one.getClientRects()[0];
        const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
        if (before === `${x} ${y}`) {
          const hit = document.elementFromPoint(x, y);
          const free = !!hit && (one.contains(hit) || hit.contains(one) || !!hit.closest("label")?.contains(one));
          return { x, y, free, over: hit?.outerHTML.slice(0, 200) };
        }
        before = `${x} ${y}`;
        await new Promise(requestAnimationFrame);
      }
    },
    text: () => clean(top() === document ? document.body.innerText : top().innerText),
  };
})();
