// The console: takes a photo, asks for a check, shows the answer.

import { call, checkPhoto, Problem, registerPhoto, useKey } from "./api.js";
import { showGarments, showMatches, showRecord, showVerdict } from "./answer.js";
import { byId, element, replaceChildren } from "./dom.js";
import { drawOverlay } from "./overlay.js";
import { capital, percent, problemTitle, REGIONS, regionName } from "./words.js";

const SLIDER_PAUSE_MS = 350;
const desk = { file: null, answer: null, chosen: 0, weights: {}, running: null, pause: 0 };

function showPhoto(file) {
  const photo = byId("photo");
  if (photo.src) URL.revokeObjectURL(photo.src);
  photo.src = URL.createObjectURL(file);
  byId("overlay").replaceChildren();
  setHidden(false);
  return photo.decode().then(() => true, () => false);
}

function setHidden(empty) {
  byId("view").hidden = empty;
  byId("drop").hidden = !empty;
  byId("tools").hidden = empty;
  byId("register-button").disabled = empty;
}

async function take(file) {
  desk.file = file;
  byId("registered").textContent = "";
  // What the browser cannot show is sent all the same: the service says best what is wrong with it.
  const shown = await showPhoto(file);
  if (!shown) setHidden(true);
  await check();
}

async function check() {
  if (!desk.file) return;
  desk.running?.abort();
  const running = (desk.running = new AbortController());
  busy(true);
  try {
    const { body } = await checkPhoto(desk.file, desk.weights, running.signal);
    desk.answer = body;
    const worst = (body.garments ?? []).findIndex((garment) => garment.verdict === body.verdict);
    show(Math.max(0, worst));
  } catch (error) {
    if (error.name !== "AbortError") showProblem(error);
  } finally {
    if (desk.running === running) busy(false);
  }
}

function show(chosen) {
  desk.chosen = chosen;
  byId("problem").hidden = true;
  byId("empty").hidden = true;
  drawOverlay(desk.answer, chosen);
  showVerdict(desk.answer);
  showGarments(desk.answer, chosen, show);
  showMatches(desk.answer, chosen);
  showRecord(desk.answer);
  showLearned();
}

function showProblem(error) {
  if (!(error instanceof Problem)) throw error;
  for (const id of ["verdict", "garments", "matches", "record"]) replaceChildren(id);
  byId("overlay").replaceChildren();
  byId("empty").hidden = true;
  desk.answer = null;
  const wait = error.retryAfter ? `Try again in ${error.retryAfter} s.` : "";
  const code = [error.status || "", error.code].filter(Boolean).join(" · ");
  replaceChildren("problem",
    element("h2", { text: problemTitle(error) }),
    error.detail ? element("p", { text: capital(error.detail) }) : null,
    wait ? element("p", { text: wait }) : null,
    code ? element("code", { text: code }) : null,
    error.status === 401 ? keyForm() : null);
  byId("problem").hidden = false;
}

// Asked for only where the service asks for a key.
function keyForm() {
  const field = element("input", { type: "password", name: "key", id: "key", autocomplete: "off", placeholder: "slv_…" });
  const use = (event) => {
    event.preventDefault();
    if (!field.value.trim()) return field.focus();
    useKey(field.value.trim());
    showState();
    return check();
  };
  return element("form", { class: "key", onsubmit: use },
    element("label", { for: "key", text: "API key" }), field, element("button", { type: "submit", text: "Use it" }));
}

function busy(on) {
  byId("answer").setAttribute("aria-busy", String(on));
  byId("stage").classList.toggle("working", on);
}

function makeSliders() {
  byId("sliders").replaceChildren(...REGIONS.map((region) => {
    const value = element("output", { for: `weight-${region}`, text: "learned" });
    const slider = element("input", {
      type: "range", id: `weight-${region}`, min: "0", max: "1", step: "0.05", value: "0.2",
      oninput: () => {
        desk.weights[region] = Number(slider.value);
        value.textContent = percent(desk.weights[region]);
        byId("learned").disabled = false;
        clearTimeout(desk.pause);
        desk.pause = setTimeout(check, SLIDER_PAUSE_MS);
      },
    });
    return element("div", { class: "slider" }, element("label", { for: slider.id, text: regionName(region) }), slider, value);
  }));
}

// Untouched sliders stand where the learned weights of this garment's group are.
function showLearned() {
  const regions = desk.answer?.garments?.[desk.chosen]?.matches?.[0]?.regions ?? {};
  for (const region of REGIONS) {
    if (region in desk.weights || !Number.isFinite(regions[region]?.weight)) continue;
    const slider = byId(`weight-${region}`);
    slider.value = String(regions[region].weight);
    slider.nextElementSibling.textContent = `${percent(regions[region].weight)} learned`;
  }
}

function forgetWeights() {
  desk.weights = {};
  byId("learned").disabled = true;
  for (const region of REGIONS) byId(`weight-${region}`).nextElementSibling.textContent = "learned";
  check();
}

async function register(event) {
  event.preventDefault();
  const fields = Object.fromEntries(new FormData(byId("register")));
  const note = byId("registered");
  if (!fields.item_id.trim()) {
    note.textContent = "An item id is needed.";
    byId("register").elements.item_id.focus();
    return;
  }
  byId("register-button").disabled = true;
  note.textContent = "Registering…";
  try {
    const { status, body } = await registerPhoto(desk.file, fields);
    note.textContent = status === 201 ? `Registered as ${body.item_id}: safe on disk, found by the next check.`
      : `${body.item_id} already had this photo; nothing changed.`;
    showState();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    note.textContent = [problemTitle(error), error.detail].filter(Boolean).join(": ");
  } finally {
    byId("register-button").disabled = false;
  }
}

async function showState() {
  try {
    const { body } = await call("/index/stats");
    const items = body.items ?? body.item_count;
    byId("state").textContent = Number.isFinite(items) ? `${items.toLocaleString("en")} registered designs` : "";
  } catch (error) {
    byId("state").textContent = error.status === 401 || error.status === 403 ? "" : "not ready";
  }
}

async function offerDemo() {
  const { body } = await call("/demo").catch(() => ({ body: { photos: [] } }));
  byId("demo").hidden = body.photos.length === 0;
  byId("demo-row").replaceChildren(...body.photos.map((photo) => {
    const address = `/demo/${encodeURIComponent(photo.name)}.jpg`;
    return element("button", {
      type: "button", title: photo.title, "data-demo": photo.name,
      onclick: async () => {
        const blob = await (await fetch(address)).blob();
        take(new File([blob], `${photo.name}.jpg`, { type: "image/jpeg" }));
      },
    }, element("img", { src: address, alt: "", loading: "lazy" }), element("span", { text: photo.title }));
  }));
}

function listen() {
  byId("file").addEventListener("change", (event) => {
    if (event.target.files[0]) take(event.target.files[0]);
    event.target.value = "";
  });
  byId("another").addEventListener("click", () => byId("file").click());
  byId("learned").addEventListener("click", forgetWeights);
  byId("register").addEventListener("submit", register);
  for (const toggle of document.querySelectorAll("[data-layer]")) {
    toggle.addEventListener("change", () => byId("overlay").classList.toggle(`without-${toggle.dataset.layer}`, !toggle.checked));
  }
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    byId("stage").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) byId("stage").classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    byId("stage").classList.remove("over");
    if (event.dataTransfer?.files[0]) take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((candidate) => candidate.type.startsWith("image/"));
    if (file) take(file);
  });
}

makeSliders();
listen();
showState();
offerDemo();
