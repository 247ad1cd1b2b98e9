/** The client protocol's messages, as types; nothing here runs. */

/** @typedef {{ address: string, name?: string | null }} Party */

/**
 * As RTCIceCandidate prints it.
 * @typedef {{ candidate: string, sdpMid: string | null, sdpMLineIndex: number | null }} Candidate
 */

/**
 * @typedef {{
 *   id: string, platform: 'web', model: string, os_version: string, app_version: string,
 *   app_state: 'foreground' | 'background',
 * }} Device
 */

/**
 * Who is logged in.
 * @typedef {{ id: string, name: string, address: string, display_name?: string | null }} Account
 */

/** @typedef {{ session: string, epoch: string, seq: number }} Place */

/**
 * A call as the server lists it; `reason` and what follows are there when it is over.
 * @typedef {{
 *   call: string, state?: string, media?: number,
 *   reason?: string, code?: number, by?: string, seconds?: number, held_by?: string[],
 *   recording?: boolean,
 * }} ListedCall
 */

/**
 * @typedef {Place & {
 *   resumed: boolean, account: Account, ping_seconds: number, resume_seconds: number,
 *   ice_servers: RTCIceServer[], calls: ListedCall[],
 *   server: {
 *     features: string[], emergency_numbers: string[],
 *     push: { webpush_key: string | null } | null,
 *   },
 * }} Opened
 */

/**
 * @typedef {{
 *   call: string, from: Party, to: string, media: number, offer: string,
 *   expires_at: number, ring_seconds: number,
 * }} Incoming
 */

/**
 * @typedef {{
 *   call: string, state: 'trying' | 'waking' | 'ringing' | 'early',
 *   media?: number, answer?: string,
 * }} Progress
 */

/** @typedef {{ call: string, media: number, answer: string | null }} Answered */

/** @typedef {{ call: string, media: number, offer: string }} MediaOffer */

/** @typedef {{ call: string, media: number, candidates: Candidate[], end?: boolean }} Candidates */

/** @typedef {{ call: string, reason: string, code: number, by: string, seconds: number }} Ended */

/**
 * How one direction of a call is carried, as the server counts it; `mos` from 1 to 4.4.
 * @typedef {{
 *   packets: number, lost: number | null, jitter_ms: number | null, mos: number | null,
 * }} Stream
 */

/** @typedef {{ call: string, sent: Stream, received: Stream }} ServerFigures */

/** @typedef {{ media: number, offer: string, candidates?: Candidate[] }} Accepted */

/**
 * Sends one request; resolves with its result, rejects with RpcError or NoAnswer.
 * @typedef {{ timeoutMs?: number }} RequestOptions
 * @typedef {(method: string, params: object, options?: RequestOptions) => Promise<any>} Request
 */

export {};
