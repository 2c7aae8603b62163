// The A/B player: all versions run at once and one is heard, so that switching keeps the place to the sample.
// No build step, no network. The page's style comes from lab.css, what is only here from ab.css.

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// ---- sound: every version decoded once, started together, one of them open

const FADE = 0.006; // seconds: a switch without a click

function deck(sounds, span, told) {
  let context = null, buffers = null, running = [], began = 0, from = 0, open = 0, repeat = false, failed = "";

  async function wake() {
    context ??= new AudioContext();
    await context.resume();
    buffers ??= Promise.all(
      sounds.map((view) => context.decodeAudioData(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))),
    );
    return buffers;
  }

  function silence() {
    for (const { source, gain } of running) {
      source.onended = null;
      try { source.stop(); } catch { /* it had ended */ }
      gain.disconnect();
    }
    running = [];
  }

  async function play() {
    if (running.length) return;
    try {
      const ready = await wake();
      if (running.length) return;
      if (from >= span - 0.01) from = 0;
      const start = context.currentTime + 0.03;
      running = ready.map((buffer, at) => {
        const source = new AudioBufferSourceNode(context, { buffer });
        const gain = new GainNode(context, { gain: at === open ? 1 : 0 });
        source.connect(gain).connect(context.destination);
        source.start(start, Math.min(from, buffer.duration));
        return { source, gain };
      });
      began = start - from;
      told();
    } catch (error) {
      failed = `This browser can't play it (${error.message}).`;
      told();
    }
  }

  function place() {
    return running.length ? Math.max(from, Math.min(span, context.currentTime - began)) : from;
  }

  function pause() {
    from = place();
    silence();
    told();
  }

  return {
    play, pause, place,
    get playing() { return running.length > 0; },
    get failed() { return failed; },
    // Where the end is reached: once more, or back to the start.
    look() {
      if (!running.length || place() < span - 0.002) return;
      silence();
      from = 0;
      if (repeat) play();
      else told();
    },
    choose(at) {
      open = at;
      running.forEach(({ gain }, index) => {
        gain.gain.cancelScheduledValues(context.currentTime);
        gain.gain.setTargetAtTime(index === at ? 1 : 0, context.currentTime, FADE / 3);
      });
    },
    seek(seconds) {
      const again = running.length > 0;
      silence();
      from = Math.max(0, Math.min(span, seconds));
      if (again) play();
      else told();
    },
    again(on) { repeat = on; },
    close() {
      silence();
      context?.close();
    },
  };
}

// ---- the card

function render({ model, el }) {
  const { title, text, span, plot, recorded, versions } = model.get("fixed");
  const state = () => model.get("state");
  const HIDDEN = versions.length; // the position of X among the buttons
  let heard = 0, metX = 0, count = 0, sent = 0, frame = 0;
  const send = (name, value) => {
    model.set("event", { name, value, count: ++count + Date.now() });
    model.save_changes();
  };
  const sound = deck(model.get("sounds"), span, () => paint());

  const play = make("button", { class: "f5-play f5-ab-play", type: "button" });
  const tabs = [...versions.map((one, at) => tab(`${at + 1}`, one.name, at)), tab("X", "which one?", HIDDEN)];
  const picture = make("div", { class: "f5-ab-picture" });
  const drawings = versions.map((one) => {
    const node = make("div", { class: "f5-ab-drawing", role: "img", "aria-label": one.alt });
    node.innerHTML = one.picture;
    return node;
  });
  const unseen = make("p", { class: "f5-ab-unseen" }, "X has no picture: listen.");
  const head = make("div", { class: "f5-ab-head" });
  picture.append(...drawings, unseen, head);
  const place = make("input", { type: "range", min: 0, max: span, step: 0.01, "aria-label": `Position in seconds, of ${span.toFixed(1)}`, class: "f5-ab-place" });
  const clock = make("span", { class: "f5-ab-clock" });
  const repeat = make("input", { type: "checkbox" });
  const now = make("p", { class: "f5-status", role: "status" });
  const keys = versions.map((one, at) => `${at + 1} or ${one.letter}`).join(", ");
  const start = button("Test me blind", () => send("start", true));
  const stop = button("Stop here and count", () => send("stop", true));
  const answers = versions.map((one, at) =>
    button(`X is ${one.name}`, () => {
      sent = state().round;
      send("answer", { round: sent, choice: at });
      paint();
    }),
  );
  const words = make("p", { class: "f5-ab-said", role: "status" });
  const kept = recorded ? " Your answers go into the ledger." : "";
  const rules = make("p", { class: "f5-note" },
    `X is one of the versions, drawn anew in each round. Switch as often as you like, then say which it is.${kept}`);

  const card = make("section", { class: "f5 f5-card f5-listen f5-ab", "aria-label": title },
    make("div", { class: "f5-label" }, title),
    make("div", { class: "f5-ab-top" }, play, make("div", { class: "f5-ab-tabs", role: "group", "aria-label": "What is heard" }, ...tabs)),
    picture,
    make("div", { class: "f5-ab-line" }, place, clock, make("label", {}, repeat, " repeat")),
    now,
    make("p", { class: "f5-words f5-transcript" }, make("b", {}, "Transcript"), text),
    make("p", { class: "f5-note" }, `Keys: ${keys} switch while it plays, P plays and pauses, ← and → move.`),
    make("div", { class: "f5-ab-blind" }, make("div", { class: "f5-label" }, "Blind"), words, rules,
      make("div", { class: "f5-buttons" }, start, ...answers, stop)),
  );
  el.classList.add("f5");
  el.append(card);

  function tab(key, name, at) {
    const node = make("button", { type: "button", class: "f5-ab-tab" }, make("kbd", {}, key), name);
    node.addEventListener("click", () => choose(at));
    return node;
  }

  function button(label, act) {
    const node = make("button", { type: "button", class: "f5-button" }, label);
    node.addEventListener("click", act);
    return node;
  }

  function choose(at, quietly) {
    const { running, x, round } = state();
    if (at > HIDDEN || (at === HIDDEN && !running)) return;
    heard = at;
    if (at === HIDDEN) metX = round;
    sound.choose(at === HIDDEN ? x : at);
    if (!quietly && !sound.playing) sound.play();
    paint();
  }

  play.addEventListener("click", () => (sound.playing ? sound.pause() : sound.play()));
  place.addEventListener("input", () => sound.seek(Number(place.value)));
  repeat.addEventListener("change", () => sound.again(repeat.checked));
  picture.addEventListener("click", (event) => {
    const area = picture.getBoundingClientRect();
    const share = ((event.clientX - area.left) / area.width - plot[0]) / (plot[1] - plot[0]);
    sound.seek(span * Math.max(0, Math.min(1, share)));
  });
  card.setAttribute("data-lm-suppress-shortcuts", "true");
  card.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab reads single letters as commands
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toUpperCase();
    const number = versions.findIndex((one, at) => key === `${at + 1}` || key === one.letter);
    if (number >= 0) choose(number);
    else if (key === "X") choose(HIDDEN);
    else if (key === "P") play.click();
    else if (event.target !== place && (key === "ARROWLEFT" || key === "ARROWRIGHT"))
      sound.seek(sound.place() + (key === "ARROWRIGHT" ? 0.25 : -0.25));
    else return;
    event.preventDefault();
  });

  function move() {
    const at = sound.place();
    head.style.left = `${100 * (plot[0] + ((plot[1] - plot[0]) * at) / span)}%`;
    if (document.activeElement !== place || sound.playing) place.value = at;
    place.setAttribute("aria-valuetext", `${at.toFixed(1)} seconds`);
    clock.textContent = `${at.toFixed(1)} of ${span.toFixed(1)} s`;
    card.dataset.place = at.toFixed(2);
  }

  function tick() {
    frame = 0;
    sound.look();
    move();
    if (sound.playing) frame = requestAnimationFrame(tick);
  }

  let shown = "";
  function paint() {
    const { running, round, x, said, error, answered } = state();
    if (heard === HIDDEN && !running) {
      heard = 0;
      sound.choose(0);
    }
    if (sound.playing && !frame) frame = requestAnimationFrame(tick);
    card.dataset.playing = sound.playing;
    card.dataset.heard = heard === HIDDEN ? "X" : versions[heard].name;
    play.innerHTML = sound.playing
      ? '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 4.5h4.2v15H6zM13.8 4.5H18v15h-4.2z"/></svg>'
      : '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M7 4.5v15l13-7.5z"/></svg>';
    play.setAttribute("aria-label", sound.playing ? "Pause" : "Play");
    tabs.forEach((node, at) => {
      node.setAttribute("aria-pressed", String(at === heard));
      node.hidden = at === HIDDEN && !running;
    });
    drawings.forEach((node, at) => (node.hidden = at !== Math.min(heard, HIDDEN - 1) ));
    picture.classList.toggle("f5-ab-secret", heard === HIDDEN);
    if (heard === HIDDEN) drawings.forEach((node) => node.setAttribute("aria-hidden", "true"));
    else drawings.forEach((node) => node.removeAttribute("aria-hidden"));
    const what = `${sound.playing ? "Playing" : "Chosen"}: ${card.dataset.heard}.`;
    if (shown !== what || sound.failed) {
      now.textContent = shown = sound.failed || what;
      now.classList.toggle("f5-error", Boolean(sound.failed));
    }
    start.textContent = answered && !running ? "Once more, from the start" : "Test me blind";
    start.hidden = running;
    stop.hidden = !running || !answered;
    answers.forEach((node) => {
      node.hidden = !running;
      node.disabled = metX !== round || sent === round;
    });
    const told = error || (running && metX !== round ? `${said} Hear X first.` : said);
    if (words.textContent !== told) words.textContent = told;
    words.classList.toggle("f5-error", Boolean(error));
    card.dataset.round = round;
    move();
  }

  let last = -1;
  function follow() {
    const { round, running, key } = state();
    if (key) hideTwin(key);
    const moved = last >= 0 && round !== last;
    if (round !== last) {
      // A new X: what is heard now must not change under the reader's ear, nor a button that was X's.
      if (running && last >= 0) {
        sent = 0;
        if (heard === HIDDEN) {
          heard = 0;
          sound.choose(0);
        }
        repeat.checked = true;
        sound.again(true);
      }
      last = round;
    }
    paint();
    // The button that was pressed is hidden or off now; keys go on where the reader needs them next.
    if (moved) (running ? tabs[HIDDEN] : start).focus({ preventScroll: true });
  }
  model.on("change:state", follow);
  follow();
  return () => {
    model.off("change:state", follow);
    cancelAnimationFrame(frame);
    sound.close();
  };
}

// The static pictures leave when the player is there. The rule outlives outputs that are drawn again.
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
