// Draws the course's widgets. One module, no build step, no network: each kind gets its state and sends events.

const kinds = { page, predict, live, explore, ledger };
let count = 0;

function render({ model, el }) {
  el.classList.add("f5");
  const send = (name, value) => {
    model.set("event", { name, value, count: ++count });
    model.save_changes();
  };
  const view = kinds[model.get("kind")]({ el, send, state: () => model.get("state") });
  const key = model.get("state").key;
  if (key) hideTwin(key);
  const follow = () => view && view(model.get("state"));
  model.on("change:state", follow);
  follow();
  return () => model.off("change:state", follow);
}

export default { render };

// The static picture leaves when its live view is there. The rule outlives outputs that are drawn again.
function hideTwin(key) {
  let sheet = document.getElementById("f5-twins");
  if (!sheet) {
    sheet = document.createElement("style");
    sheet.id = "f5-twins";
    document.head.append(sheet);
  }
  const rule = `[data-f5-twin="${CSS.escape(key)}"]{display:none}`;
  if (!sheet.textContent.includes(rule)) sheet.textContent += rule;
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// JupyterLab reads single letters as commands unless we keep them.
function keepKeys(node) {
  node.addEventListener("keydown", (event) => event.stopPropagation());
  node.setAttribute("data-lm-suppress-shortcuts", "true");
}

function status(node, text, error) {
  node.textContent = error || text;
  node.classList.toggle("f5-error", Boolean(error));
}

// ---- the page: style, type, and players that can be compared

function page({ el, state }) {
  const { sheet, fonts } = state();
  let style = document.getElementById("f5-style");
  if (!style) {
    style = make("style", { id: "f5-style" });
    document.head.append(style);
  }
  if (style.textContent.length !== fonts.length + sheet.length) style.textContent = fonts + sheet;
  const mark = () => el.closest(".jp-Notebook")?.classList.add("f5-lesson");
  mark();
  requestAnimationFrame(mark);
  el.style.display = "none";
  if (!window.f5Players) {
    let waiting = false;
    const look = () => {
      waiting = false;
      document.querySelectorAll(".f5-player:not(.f5-ready)").forEach(player);
    };
    window.f5Players = new MutationObserver(() => {
      if (!waiting) {
        waiting = true;
        requestAnimationFrame(look);
      }
    });
    window.f5Players.observe(document.body, { childList: true, subtree: true });
    look();
  }
}

const PLAY = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4.5v15l13-7.5z"/></svg>';
const PAUSE = '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z"/></svg>';

function player(box) {
  box.classList.add("f5-ready");
  const rows = [...box.querySelectorAll(".f5-version")].map((row) => {
    const audio = row.querySelector("audio");
    const scene = row.querySelector(".f5-scene");
    const span = Number(row.dataset.f5Span);
    const name = row.dataset.f5Name;
    const head = make("div", { class: "f5-head" });
    const button = make("button", { class: "f5-play", type: "button", "aria-label": `Play ${name}` });
    const move = () => {
      head.style.left = `${(100 * audio.currentTime) / span}%`;
      scene.setAttribute("aria-valuenow", audio.currentTime.toFixed(2));
      scene.setAttribute("aria-valuetext", `${audio.currentTime.toFixed(1)} seconds`);
    };
    const tick = () => {
      move();
      if (!audio.paused) requestAnimationFrame(tick);
    };
    const one = { audio, play, button };
    function play() {
      const other = rows.find((row) => row !== one && !row.audio.paused);
      if (other) {
        // Comparing: go on at the same place in the other version.
        audio.currentTime = Math.min(other.audio.currentTime, audio.duration || Infinity);
        other.audio.pause();
      }
      audio.play();
    }
    const toggle = () => (audio.paused ? play() : audio.pause());
    button.innerHTML = PLAY;
    button.addEventListener("click", toggle);
    audio.addEventListener("play", () => {
      row.classList.add("f5-on");
      button.innerHTML = PAUSE;
      button.setAttribute("aria-label", `Pause ${name}`);
      tick();
    });
    audio.addEventListener("pause", () => {
      button.innerHTML = PLAY;
      button.setAttribute("aria-label", `Play ${name}`);
    });
    const seek = (seconds) => {
      audio.currentTime = Math.max(0, Math.min(audio.duration || span, seconds));
      row.classList.add("f5-on");
      move();
    };
    for (const [key, value] of Object.entries({
      role: "slider", tabindex: "0", "aria-label": `Position in ${name}`, "aria-valuemin": "0", "aria-valuemax": span,
    })) scene.setAttribute(key, value);
    scene.addEventListener("click", (event) => {
      const area = scene.getBoundingClientRect();
      seek((span * (event.clientX - area.left)) / area.width);
    });
    scene.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 0.25, ArrowLeft: -0.25 }[event.key];
      if (step) seek(audio.currentTime + step);
      else if (event.key === "Home") seek(0);
      else if (event.key === "End") seek(audio.duration || span);
      else if (event.key === " " || event.key === "Enter") toggle();
      else return;
      event.preventDefault();
    });
    scene.append(head);
    row.insertBefore(button, scene);
    row.classList.add("f5-live");
    move();
    return one;
  });
  keepKeys(box);
  box.addEventListener("keydown", (event) => {
    const row = rows[Number(event.key) - 1];
    if (row) {
      row.play();
      row.button.focus();
    }
  });
}

// ---- predictions

function predict({ el, send, state }) {
  const first = state();
  const bounds = { min: first.low, max: first.high, step: "any", "aria-label": `${first.question} (${first.unit})` };
  const field = make("input", { ...bounds, type: "number" });
  const slide = make("input", { ...bounds, type: "range", step: first.step });
  const words = make("p", { class: "f5-status", role: "status" });
  const give = (value) => value !== "" && send("guess", Number(value));
  field.addEventListener("change", () => give(field.value));
  slide.addEventListener("input", () => (field.value = Number(slide.value)));
  slide.addEventListener("change", () => give(slide.value));
  keepKeys(el);
  el.append(
    make("div", { class: "f5 f5-card f5-predict" },
      make("div", { class: "f5-label" }, "Predict"),
      make("p", { class: "f5-ask" }, first.question),
      make("div", { class: "f5-guess" }, slide, make("span", { class: "f5-field" }, field, make("span", {}, first.unit))),
      words,
    ),
  );
  return (now) => {
    slide.value = now.value;
    if (!now.error) field.value = now.value;
    words.classList.toggle("f5-typed", now.typed);
    status(words, now.said, now.error);
  };
}

// ---- a live chart

const SVG = "http://www.w3.org/2000/svg";
function draw(tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

function nice(high) {
  const base = 10 ** Math.floor(Math.log10(high / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * base).find((size) => size * 4 >= high * 0.999);
  return Array.from({ length: Math.ceil(high / step - 1e-9) + 1 }, (_, index) => index * step);
}

function live({ el, send, state }) {
  const W = 760, H = 260, L = 58, R = 24, T = 16, B = 218;
  const first = state();
  const value = make("span", { class: "f5-live-value" });
  const words = make("span", { class: "f5-note", role: "status" });
  const plot = draw("svg", { viewBox: `0 0 ${W} ${H}`, class: "f5-svg", tabindex: "0", role: "img" });
  const pause = make("button", { class: "f5-button", type: "button" }, "Hold the picture");
  const stop = make("button", { class: "f5-button", type: "button" }, "Stop measuring");
  const hint = make("span", { class: "f5-note" }, "On the picture, ← and → read single samples.");
  let held = null, cursor = null, shown = first;
  pause.addEventListener("click", () => {
    held = held ? null : shown;
    pause.textContent = held ? "Follow again" : "Hold the picture";
    paint(state());
  });
  stop.addEventListener("click", () => send("stop", true));
  plot.addEventListener("keydown", (event) => {
    const last = shown.points.length - 1;
    const at = cursor ?? last;
    if (event.key === "ArrowLeft") cursor = Math.max(0, at - 1);
    else if (event.key === "ArrowRight") cursor = Math.min(last, at + 1);
    else if (event.key === "Home") cursor = 0;
    else if (event.key === "End") cursor = last;
    else if (event.key === "Escape") cursor = null;
    else return;
    event.preventDefault();
    paint(state());
  });
  keepKeys(el);
  el.append(
    make("figure", { class: "f5 f5-figure" },
      make("figcaption", {}, first.title),
      make("div", {}, value, " ", words),
      make("div", { class: "f5-plot" }, plot),
      make("div", { class: "f5-buttons" }, pause, stop, hint),
    ),
  );
  function paint(now) {
    shown = held || now;
    const { points, unit, limit, longest, running } = shown;
    stop.disabled = !running;
    stop.style.display = running ? "" : "none";
    plot.replaceChildren();
    if (!points.length) return status(words, "Waiting for the first sample.", now.error);
    const end = running ? Math.min(longest, Math.max(5, points.at(-1)[0] * 1.15)) : Math.max(points.at(-1)[0], 0.2);
    const marks = nice(Math.max(limit || 0, ...points.map((point) => point[1])) || 1);
    const x = (second) => L + ((W - L - R) * second) / end;
    const y = (figure) => B - ((B - T) * figure) / marks.at(-1);
    for (const mark of marks) {
      plot.append(
        draw("line", { x1: L, x2: W - R, y1: y(mark), y2: y(mark), style: `stroke:var(--f5-${mark ? "grid" : "line"})` }),
        draw("text", { x: L - 10, y: y(mark) + 4.5, "text-anchor": "end", style: "font-size:13px;fill:var(--f5-soft)" },
          mark.toLocaleString("en-GB")),
      );
    }
    const word = (px, text, anchor = "end") =>
      plot.append(draw("text", { x: px, y: B + 24, "text-anchor": anchor, style: "font-size:13px;fill:var(--f5-soft)" }, text));
    word(L, "0", "start");
    word(W - R, `${end.toFixed(end < 10 ? 1 : 0)} seconds`);
    const way = points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L");
    plot.append(
      draw("path", { d: `M${x(points[0][0])} ${B}L${way}L${x(points.at(-1)[0])} ${B}Z`, style: "fill:var(--f5-teal);fill-opacity:.15" }),
      draw("path", { d: `M${way}`, style: "fill:none;stroke:var(--f5-teal);stroke-width:2.6;stroke-linejoin:round" }),
    );
    if (limit) {
      plot.append(
        draw("line", { x1: L, x2: W - R, y1: y(limit), y2: y(limit), style: "stroke:var(--f5-orange);stroke-width:2;stroke-dasharray:6 4" }),
        draw("text", { x: L + 8, y: y(limit) - 7, style: "font-size:14px;font-weight:650;fill:var(--f5-orange)" }, `limit ${limit} ${unit}`),
      );
    }
    const [a, b] = points[Math.min(cursor ?? points.length - 1, points.length - 1)];
    if (cursor !== null) plot.append(draw("line", { x1: x(a), x2: x(a), y1: T, y2: B, style: "stroke:var(--f5-soft)" }));
    plot.append(draw("circle", { cx: x(a), cy: y(b), r: 6, style: "fill:var(--f5-teal);stroke:var(--f5-paper);stroke-width:2" }));
    value.textContent = `${b.toLocaleString("en-GB", { maximumSignificantDigits: 4 })} ${unit}`;
    const when = cursor === null ? (running ? "now" : "at the end") : "";
    status(words, `${when} ${when ? "·" : ""} ${a.toFixed(1)} s`.trim(), now.error);
    plot.setAttribute("aria-label", `${shown.title}: ${value.textContent} at ${a.toFixed(1)} seconds, ${points.length} samples`);
  }
  return (now) => {
    shown = held || now;
    paint(now);
  };
}

// ---- a figure with controls

function explore({ el, send, state }) {
  const figure = make("div", { "aria-live": "polite" });
  const problem = make("p", { class: "f5-status", role: "status" });
  const rows = {};
  let waiting = null;
  const panel = make("div", { class: "f5 f5-card" });
  for (const control of state().controls) {
    const output = make("output", {});
    const named = control.choices?.length > 0;
    const slide = named
      ? make("select", { "aria-label": control.label }, ...control.choices.map((name, at) => make("option", { value: at }, name)))
      : make("input", { type: "range", min: control.low, max: control.high, step: control.step, "aria-label": control.label });
    const say = () => {
      if (named) return;
      output.textContent = `${Number(slide.value).toLocaleString("en-GB")} ${control.unit}`;
      slide.setAttribute("aria-valuetext", output.textContent);
    };
    slide.addEventListener("input", () => {
      say();
      clearTimeout(waiting);
      waiting = setTimeout(() => send("move", { name: control.name, value: Number(slide.value) }), 80);
    });
    rows[control.name] = { slide, say };
    panel.append(make("label", { class: "f5-control" }, make("span", {}, control.label), slide, output));
  }
  keepKeys(panel);
  el.classList.add("f5-explore");
  el.append(panel, problem, figure);
  let last = "";
  return (now) => {
    for (const control of now.controls) {
      const { slide, say } = rows[control.name];
      if (document.activeElement !== slide) slide.value = control.value;
      say();
    }
    if (now.html !== last) {
      const open = figure.querySelector("details")?.open;
      figure.innerHTML = last = now.html;
      if (open) figure.querySelector("details")?.setAttribute("open", "");
    }
    status(problem, "", now.error);
  };
}

// ---- the ledger: take it away, bring it back

function ledger({ el, send, state }) {
  const words = make("p", { class: "f5-status", role: "status" });
  const chooser = make("input", { type: "file", accept: ".json,application/json", "aria-label": "Ledger file to bring back" });
  chooser.style.display = "none";
  const save = make("button", { class: "f5-button", type: "button" }, "Download my ledger");
  const back = make("button", { class: "f5-button", type: "button" }, "Bring one back…");
  save.addEventListener("click", () => send("save", true));
  back.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", async () => {
    const file = chooser.files[0];
    if (!file) return;
    const bytes = new Uint8Array(await file.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    send("restore", { name: file.name, data: btoa(text) });
    chooser.value = "";
  });
  keepKeys(el);
  el.append(
    make("div", { class: "f5 f5-card" },
      make("div", { class: "f5-label" }, "Your ledger"),
      make("p", {}, "Your measurements are kept on this machine. A hosted session forgets them: take them with you."),
      make("div", { class: "f5-buttons" }, save, back, chooser),
      words,
    ),
  );
  // What was downloaded before this drawing, say before a reload, isn't downloaded again.
  let done = state().download?.count ?? 0;
  return (now) => {
    status(words, now.said, now.error);
    if (now.download && now.download.count > done) {
      const link = make("a", { href: `data:application/json;base64,${now.download.data}`, download: now.download.name });
      document.body.append(link);
      link.click();
      link.remove();
      done = now.download.count;
    }
  };
}
