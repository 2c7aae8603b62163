// Lesson 04's dashboard: the reading against the limit, a hog to move, lanes of requests, plans by level, what is loaded.
// No build step, no network. The page's style comes from lab.css, what is only here from dashboard.css.

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

const mb = (value) => `${Math.round(value)} MB`;
const LEVELS = ["ample", "tight", "critical"];

function render({ model, el }) {
  const state = () => model.get("state");
  const first = state();
  // A message for each click: of a trait's changes only the last would arrive while the kernel is busy.
  const send = (name, value = true) => model.send({ name, value });
  const button = (words, name, value) =>
    make("button", { class: "f5-button", type: "button", onclick: () => send(name, value) }, words);

  // ---- the parts
  const level = make("span", { class: "f5-level", role: "status" });
  const free = make("span", { class: "f5-live-value" });
  const of = make("span", { class: "f5-note" });
  const start = button("Start", "start"), stop = button("Stop", "stop");
  const words = make("p", { class: "f5-status", role: "status" });
  const plot = draw("svg", { viewBox: "0 0 760 236", class: "f5-svg", role: "img" });
  const hog = slider("The hog holds", 0, first.limit, 5, "MB", (value) => send("hold", value));
  const lanes = Object.keys(first.lanes).map((name) => {
    const chips = make("span", { class: "f5-chips" });
    const add = button("Hand one in", "ask", name);
    add.setAttribute("aria-label", `Hand in a request: ${name}`);
    return { name, chips, add, row: make("div", { class: "f5-lane" }, make("b", {}, name), chips, add) };
  });
  const running = make("p", { class: "f5-note" });
  const plans = make("dl", { class: "f5-plans" });
  const loaded = make("dl", { class: "f5-loaded" });
  const said = make("ul", { class: "f5-said", "aria-label": "What happened last" });
  const knobs = first.knobs.map((knob) => ({
    name: knob.name,
    ...slider(knob.name, knob.low, knob.high, 1, knob.unit, (value) => send("tune", { name: knob.name, value })),
  }));
  const tally = make("p", { class: "f5-note" });

  function slider(label, low, high, step, unit, moved) {
    const input = make("input", { type: "range", min: low, max: high, step, "aria-label": label });
    const output = make("output", {});
    let waiting = null;
    const say = () => {
      output.textContent = `${Math.round(input.value)} ${unit}`;
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => {
      say();
      clearTimeout(waiting);
      const value = Number(input.value);
      waiting = setTimeout(() => {
        waiting = null;
        moved(value);
      }, 120);
    });
    // A slider that the reader is moving doesn't follow the session.
    const follow = (value) => {
      if (waiting === null && document.activeElement !== input) input.value = value;
      say();
    };
    return { input, follow, row: make("label", { class: "f5-control" }, make("span", {}, label), input, output) };
  }

  const card = make("div", { class: "f5 f5-card f5-board" },
    make("div", { class: "f5-board-top" }, level, free, of, make("span", { class: "f5-buttons" }, start, stop)),
    plot, hog.row, words,
    make("h4", {}, "The queue"), ...lanes.map((lane) => lane.row), running,
    make("div", { class: "f5-board-two" },
      make("div", {}, make("h4", {}, "What each level would run now"), plans),
      make("div", {}, make("h4", {}, "Weights kept between requests"), loaded),
    ),
    make("h4", {}, "What happened"), said, tally,
    make("details", {}, make("summary", {}, "Change the policy"), ...knobs.map((knob) => knob.row)),
  );
  // JupyterLab reads single letters as commands unless we keep them.
  card.addEventListener("keydown", (event) => event.stopPropagation());
  card.setAttribute("data-lm-suppress-shortcuts", "true");
  el.classList.add("f5");
  el.append(card);

  // ---- following the session
  function chart(now) {
    const L = 50, R = 96, T = 14, B = 200, W = 760;
    plot.replaceChildren();
    const last = now.points.length ? now.points.at(-1)[0] : 0;
    const from = Math.max(0, last - 60), to = Math.max(from + 10, last);
    const seen = now.points.filter(([at]) => at >= from);
    const x = (second) => L + ((W - L - R) * (second - from)) / (to - from);
    const y = (value) => B - ((B - T) * value) / (now.limit * 1.1);
    for (const share of [0, 0.5, 1]) {
      const value = share * now.limit;
      plot.append(draw("line", { x1: L, x2: W - R, y1: y(value), y2: y(value), style: `stroke:var(--f5-${share ? "grid" : "line"})` }));
      plot.append(draw("text", { x: L - 8, y: y(value) + 4.5, "text-anchor": "end", style: "font-size:13px;fill:var(--f5-soft)" }, Math.round(value)));
    }
    const label = (px, py, text, style, anchor = "start") =>
      plot.append(draw("text", { x: px, y: py, "text-anchor": anchor, style: `font-size:13px;${style}` }, text));
    label(L, B + 24, `${Math.round(from)} s`, "fill:var(--f5-soft)");
    label(W - R, B + 24, `${Math.round(to)} s`, "fill:var(--f5-soft)", "end");
    const area = (roof, floor, colour) => {
      if (seen.length < 2) return;
      const line = (value) => seen.map((point) => `${x(point[0]).toFixed(1)} ${y(value(point)).toFixed(1)}`);
      plot.append(draw("path", { d: `M${line(roof).join("L")}L${line(floor).reverse().join("L")}Z`, style: `fill:var(--f5-${colour});fill-opacity:.75` }));
    };
    area(([, h]) => h, () => 0, "slate");
    area(([, h, m]) => h + m, ([, h]) => h, "teal");
    plot.append(draw("line", { x1: L, x2: W - R, y1: y(now.limit), y2: y(now.limit), style: "stroke:var(--f5-orange);stroke-width:2;stroke-dasharray:6 4" }));
    label(W - R + 8, y(now.limit) + 4, `limit ${mb(now.limit)}`, "font-weight:650;fill:var(--f5-orange)");
    if (now.held > 3) label(W - R + 8, y(now.hog + now.held / 2) + 4, `model ${mb(now.held)}`, "font-weight:650;fill:var(--f5-teal)");
    if (now.hog > 3) label(W - R + 8, y(now.hog / 2) + 4, `hog ${mb(now.hog)}`, "font-weight:650;fill:var(--f5-slate)");
    for (const [at, what] of now.marks.filter(([at]) => at >= from)) {
      plot.append(draw("line", { x1: x(at), x2: x(at), y1: T, y2: B, style: "stroke:var(--f5-soft);stroke-dasharray:2 4" }));
      const late = x(at) > W - R - 60;
      label(x(at) + (late ? -4 : 4), T + 4, what, "fill:var(--f5-soft)", late ? "end" : "start");
    }
    plot.setAttribute("aria-label", `Hog ${mb(now.hog)}, model ${mb(now.held)}, of ${mb(now.limit)}; level ${now.level}`);
  }

  function follow() {
    const now = state();
    card.dataset.level = now.level;
    card.dataset.running = now.running;
    card.dataset.done = now.counts.done ?? 0;
    level.textContent = level.dataset.level = now.level;
    free.textContent = mb(now.free);
    of.textContent = `free of ${mb(now.limit)}`;
    start.style.display = now.running ? "none" : "";
    stop.style.display = now.running ? "" : "none";
    start.textContent = now.points.length ? "Start again" : "Start";
    chart(now);
    hog.input.disabled = !now.running;
    hog.follow(now.hog);
    words.textContent = now.error || now.note || (now.running ? "" : "Press Start: then the hog and the lanes are yours.");
    words.classList.toggle("f5-error", Boolean(now.error));
    for (const { name, chips, add } of lanes) {
      add.disabled = !now.running;
      const waiting = now.lanes[name].map(([number, place]) =>
        make("span", { class: "f5-chip", title: `number ${place} in line` }, number));
      if (now.current && now.lane === name) waiting.unshift(make("span", { class: "f5-chip f5-runs" }, now.current));
      chips.replaceChildren(...waiting);
    }
    running.textContent = now.current ? `Request ${now.current} runs: ${now.plan}` : "Nothing runs.";
    plans.replaceChildren(...LEVELS.flatMap((one) => {
      const mine = one === now.level ? { class: "f5-now" } : {};
      return [make("dt", mine, one), make("dd", mine, now.plans[one] || "nothing fits: requests wait")];
    }));
    const stages = Object.entries(now.stages);
    const most = Math.max(1, ...stages.map(([, size]) => size));
    loaded.replaceChildren(...(stages.length ? stages : [["nothing", 0]]).flatMap(([name, size]) => {
      const bar = make("span", { class: "f5-bar", style: `width:${(size / most) * 90}px` });
      return [make("dt", {}, name), make("dd", {}, ...(size ? [bar, `${size.toFixed(1)} MB`] : []))];
    }));
    said.replaceChildren(...now.said.map((line) => make("li", { title: line }, line)));
    tally.textContent = Object.entries(now.counts).map(([what, number]) => `${number} ${what}`).join(" · ");
    for (const { name, follow } of knobs) follow(now.knobs.find((one) => one.name === name).value);
    if (now.key) hideTwin(now.key);
  }
  model.on("change:state", follow);
  follow();
  return () => model.off("change:state", follow);
}

// The static picture leaves when the dashboard is there. The rule outlives outputs that are drawn again.
function hideTwin(key) {
  let sheet = document.getElementById("f5-twins");
  if (!sheet) {
    sheet = make("style", { id: "f5-twins" });
    document.head.append(sheet);
  }
  const rule = `[data-f5-twin="${CSS.escape(key)}"]{display:none}`;
  if (!sheet.textContent.includes(rule)) sheet.textContent += rule;
}

export default { render };
