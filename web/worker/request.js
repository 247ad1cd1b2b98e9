/** One request to the server by a session that is opened for it alone. */

import { NoAnswer, RpcError } from '../errors.js';
import { account, vault } from './known.js';

const SUBPROTOCOL = 'wsphone.v1';
const LIMIT_MS = 10_000;

/**
 * Ask for this device while no page of it may be open. Rejects with RpcError, NoAnswer, LoginNeeded
 * or HttpError.
 * @param {string} method @param {object} params
 */
export async function ask(method, params) {
  const device = { ...(await vault.get('device')), app_state: 'background' };
  const token = await account.token();
  const secure = location.protocol === 'https:';
  const socket = new WebSocket(`${secure ? 'wss:' : 'ws:'}//${location.host}/ws`, SUBPROTOCOL);
  /** @type {[string, object][]} */
  const steps = [
    ['session.open', { token, device }],
    [method, params],
    ['session.close', {}],
  ];
  const limit = setTimeout(() => socket.close(), LIMIT_MS);
  try {
    await inTurn(socket, steps);
  } finally {
    clearTimeout(limit);
    socket.close();
  }
}

/**
 * Send each when the one before is answered.
 * @param {WebSocket} socket @param {[string, object][]} steps
 */
function inTurn(socket, steps) {
  return new Promise((resolve, reject) => {
    let id = 0;
    const next = () => {
      const step = steps[id++];
      if (!step) return resolve(null);
      const [method, params] = step;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    };
    socket.onopen = next;
    socket.onclose = () => reject(new NoAnswer(steps[id - 1]?.[0] ?? 'session.open'));
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.id !== id) return;
      if (message.error) reject(new RpcError(message.error));
      else next();
    };
  });
}
