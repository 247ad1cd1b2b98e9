/** How the sound of the call is carried: a line of figures, and a graph for each direction. */

import { find, say } from './dom.js';
import { FigureReader } from './figures.js';
import { Graph } from './graph.js';
import { opinion } from './opinion.js';
import { directionText, figuresText, graphText } from './texts.js';

/** @typedef {import('./call.js').Call} Call */
/** @typedef {import('./figures.js').Figures} Figures */

/** One direction on the page. */
class Direction {
  #box;
  #svg;
  #value;
  #graph;

  /** @param {string} name */
  constructor(name) {
    this.#box = find(`graph-${name}-box`, HTMLElement);
    this.#svg = find(`graph-${name}`, SVGSVGElement);
    this.#value = find(`graph-${name}-value`, HTMLElement);
    this.#graph = new Graph(this.#svg);
  }

  clear() {
    this.#box.hidden = true;
    this.#graph.clear();
  }

  /**
   * @param {number | null} loss @param {number | null} jitterMs @param {number | null} roundTripMs
   */
  add(loss, jitterMs, roundTripMs) {
    // Nothing was sent this way: somebody holds, or is muted by the browser.
    if (loss === null) return;
    const quality = opinion(loss, jitterMs, roundTripMs);
    this.#graph.add({ quality, loss });
    this.#box.hidden = false;
    say(this.#value, directionText(quality, loss, jitterMs));
    this.#svg.setAttribute('aria-label', graphText(this.#graph.span ?? { least: 1, most: 1 }));
  }
}

export class SoundView {
  #line = find('call-figures', HTMLElement);
  #graphs = find('call-graphs', HTMLElement);
  #here = new Direction('here');
  #there = new Direction('there');
  #figures = new FigureReader();
  /** @type {Call | null} */
  #call = null;

  hide() {
    this.#line.hidden = this.#graphs.hidden = true;
  }

  /** Look at the sound of a call that talks. @param {Call} call */
  async look(call) {
    const stats = await call.pc?.getStats().catch(() => null);
    const figures = stats ? this.#figures.read(stats.values(), call.figures) : null;
    if (!figures || call.state !== 'talking') return;
    if (call !== this.#call) this.#begin(call);
    say(this.#line, figuresText(figures));
    this.#here.add(figures.lostHere, figures.jitterHereMs, figures.roundTripMs);
    this.#there.add(figures.lostThere, figures.jitterThereMs, figures.roundTripMs);
    this.#line.hidden = this.#graphs.hidden = false;
  }

  /** @param {Call} call */
  #begin(call) {
    this.#call = call;
    this.#here.clear();
    this.#there.clear();
  }
}
