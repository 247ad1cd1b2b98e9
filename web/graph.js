/** A small graph of how one direction of a call sounded of late: a line, and a bar for each loss. */

/** @typedef {{ quality: number, loss: number }} Point */

const SVG = 'http://www.w3.org/2000/svg';
/** One look each two seconds: two minutes. */
const POINTS = 60;
const WIDTH = 120;
const HEIGHT = 30;
const STEP = WIDTH / (POINTS - 1);
/** The best score that a telephone can have, and the worst. */
const BEST = 4.5;
const WORST = 1;
/** A bar as high as the graph; the losses above it cannot be told apart by ear. */
const MOST_LOSS = 0.2;

export class Graph {
  /** @type {Point[]} */
  #points = [];
  #area;
  #line;
  #bars;

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    this.#area = path('area');
    this.#line = path('line');
    this.#bars = path('bars');
    svg.append(this.#area, this.#line, this.#bars);
  }

  clear() {
    this.#points = [];
    this.#draw();
  }

  /** The newest is at the right. @param {Point} point */
  add(point) {
    this.#points = [...this.#points, point].slice(-POINTS);
    this.#draw();
  }

  /** The worst and the best of what is shown. @returns {{ least: number, most: number } | null} */
  get span() {
    const scores = this.#points.map(({ quality }) => quality);
    return scores.length ? { least: Math.min(...scores), most: Math.max(...scores) } : null;
  }

  #draw() {
    const spots = this.#points.map(({ quality }, index) => `${this.#x(index)},${y(quality)}`);
    const line = spots.length > 1 ? `M${spots.join('L')}` : '';
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', line && `${line}V${HEIGHT}H${this.#x(0)}Z`);
    const lossy = this.#points.flatMap(({ loss }, index) => (loss > 0 ? [{ loss, index }] : []));
    const bars = lossy.map(({ loss, index }) => `M${this.#x(index)},${HEIGHT}v${-bar(loss)}`);
    this.#bars.setAttribute('d', bars.join(''));
  }

  /** @param {number} index */
  #x(index) {
    return round(WIDTH - (this.#points.length - 1 - index) * STEP);
  }
}

/** @param {string} name */
function path(name) {
  const element = document.createElementNS(SVG, 'path');
  element.setAttribute('class', name);
  return element;
}

/** @param {number} quality */
function y(quality) {
  return round(HEIGHT * (1 - (quality - WORST) / (BEST - WORST)));
}

/** High enough to be seen, however small the loss. @param {number} loss */
function bar(loss) {
  return round(Math.max(2, HEIGHT * Math.min(1, loss / MOST_LOSS)));
}

/** @param {number} number */
function round(number) {
  return Math.round(number * 10) / 10;
}
