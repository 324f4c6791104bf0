// What the models saw, drawn over the photo in its own pixels.

import { byId, shape } from "./dom.js";
import { regionName } from "./words.js";

export function drawOverlay(answer, chosen) {
  const { width, height } = answer.image;
  const svg = byId("overlay");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const unit = Math.max(width, height) / 500;
  const garments = answer.garments ?? [];
  svg.replaceChildren(
    ...garments.map((garment, number) => {
      const group = shape("g", { class: number === chosen ? "garment chosen" : "garment" });
      group.append(regionLayer(garment, unit), boxLayer(garment, unit), landmarkLayer(garment, unit));
      return group;
    }),
  );
}

export function highlightRegion(region, on) {
  for (const node of document.querySelectorAll(`#overlay [data-region="${CSS.escape(region)}"]`)) {
    node.classList.toggle("lit", on);
  }
}

function rectangle(box, properties) {
  const [x1, y1, x2, y2] = box;
  return shape("rect", { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1), ...properties });
}

function boxLayer(garment, unit) {
  return shape("g", { class: "boxes" }, rectangle(garment.box, { class: "box", rx: 2 * unit }));
}

function regionLayer(garment, unit) {
  const layer = shape("g", { class: "regions" });
  for (const [region, entry] of Object.entries(garment.regions ?? {})) {
    if (!entry?.visible || !entry.box) continue;
    const [x1, y1] = entry.box;
    const words = shape("text", { x: x1 + 3 * unit, y: y1 + 10 * unit, "font-size": 9 * unit, text: regionName(region) });
    layer.append(shape("g", { "data-region": region }, rectangle(entry.box, { rx: unit }), words));
  }
  return layer;
}

function landmarkLayer(garment, unit) {
  const layer = shape("g", { class: "landmarks" });
  for (const point of garment.landmarks ?? []) {
    const dot = shape("circle", {
      cx: point.x,
      cy: point.y,
      r: 2.6 * unit,
      class: point.visible ? "seen" : "unseen-point",
    });
    dot.append(shape("title", { text: `${point.name.replaceAll("_", " ")} · ${Math.round(point.confidence * 100)} %` }));
    layer.append(dot);
  }
  return layer;
}

// The garment's crop on a canvas, flipped where the match is mirrored so that both sides line up.
export function cropOf(photo, image, box, mirrored) {
  const canvas = document.createElement("canvas");
  // The service reads some pictures that a browser does not: then there is nothing to cut from.
  if (!photo.naturalWidth) return canvas;
  const scale = photo.naturalWidth / image.width;
  const margin = 0.05 * Math.max(box[2] - box[0], box[3] - box[1]);
  const x = Math.max(0, box[0] - margin) * scale;
  const y = Math.max(0, box[1] - margin) * scale;
  const width = Math.min(photo.naturalWidth - x, (box[2] - box[0] + 2 * margin) * scale);
  const height = Math.min(photo.naturalHeight - y, (box[3] - box[1] + 2 * margin) * scale);
  const shrink = Math.min(1, 480 / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  const pen = canvas.getContext("2d");
  if (mirrored) {
    pen.translate(canvas.width, 0);
    pen.scale(-1, 1);
  }
  pen.drawImage(photo, x, y, width, height, 0, 0, canvas.width, canvas.height);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", mirrored ? "The checked garment, shown flipped" : "The checked garment");
  return canvas;
}
