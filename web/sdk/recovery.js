/** Keeps a membership alive: watches, decides with `nextStep`, and has one step after the other done. */

import { backoffMs } from "./backoff.js";
import { ParlorError } from "./error.js";
import { Events } from "./events.js";
import { MediaWatch } from "./media-watch.js";
import { nextStep, stageOf } from "./next-step.js";

/** @import { Membership } from "./membership.js" */
/** @import { Facts, Stage, Step } from "./next-step.js" */

/** New connections that never carried a packet before we say that media cannot get through here. */
const FRUITLESS_CONNECTIONS = 3;
/** Refusals that another attempt would only meet again. */
const FINAL_REASONS = new Set([
  "left", "replaced", "room_full", "server_full", "bad_name", "bad_room_id", "bad_request", "unsupported_protocol",
  "unmatched topic", "no_media",
]);

/** @extends {Events<{ stage: Stage, refused: ParlorError, hopeless: ParlorError }>} */
export class Recovery extends Events {
  #membership;
  #watch = new MediaWatch(now());
  /** @type {Stage} */
  #stage = "joining";
  #active = false;
  #running = false;
  #everConnected = false;
  /** ICE restarts since media was last healthy. */
  #restarts = 0;
  /** Connections since one last carried a packet. */
  #fruitless = 0;
  /** Steps since media was last healthy. */
  #attempts = 0;

  /** @param {Membership} membership */
  constructor(membership) {
    super();
    this.#membership = membership;
  }

  get stage() {
    return this.#stage;
  }

  /** The first join is done: from now on, keep it. */
  begin() {
    this.#active = true;
    this.announce();
  }

  /** It is over, on purpose or for good. */
  end() {
    this.#active = false;
    this.#stage = "ended";
  }

  /** A connection was accepted by the server; its first packets are on their way. */
  connectionStarted() {
    this.#fruitless += 1;
    this.#restarts = 0;
    this.#watch = new MediaWatch(now());
  }

  /** @param {Parameters<MediaWatch["sample"]>[1]} sample */
  sample(sample) {
    if (!this.#active) return;
    const health = this.#watch.sample(now(), sample);
    if (health === "healthy") {
      this.#everConnected = true;
      this.#restarts = this.#fruitless = this.#attempts = 0;
    }
    this.announce();
    if (health === "silent") this.run();
  }

  /** Something changed: takes one step after the other until there is nothing to do but wait. */
  async run() {
    if (this.#running || !this.#active) return;
    this.#running = true;
    for (let step = nextStep(this.#facts()); step !== "wait" && this.#active; step = nextStep(this.#facts())) {
      this.announce();
      await this.#perform(step);
      this.announce();
      await pause(backoffMs(this.#attempts++, Math.random));
    }
    this.#running = false;
    this.announce();
  }

  /** Tells the stage, if it is another one. */
  announce() {
    if (!this.#active) return;
    const stage = stageOf(this.#facts(), this.#everConnected);
    if (stage === this.#stage) return;
    this.#stage = stage;
    this.emit("stage", stage);
  }

  /** @returns {Facts} */
  #facts() {
    return { ...this.#membership.facts, media: this.#watch.health, restarts: this.#restarts };
  }

  /** @param {Exclude<Step, "wait">} step */
  async #perform(step) {
    try {
      if (step === "resume") await this.#membership.resume();
      else if (step === "restart") await this.#restart();
      else await this.#startOver(step === "rejoin");
    } catch (error) {
      await this.#failed(step, ParlorError.from(error));
    }
  }

  async #restart() {
    this.#restarts += 1;
    this.#watch.restarted(now());
    await this.#membership.restart();
  }

  /** @param {boolean} asSamePeer */
  async #startOver(asSamePeer) {
    if (this.#fruitless >= FRUITLESS_CONNECTIONS) {
      throw new ParlorError("no_media", "Sound and picture cannot get through: this network seems to block the server’s media port.");
    }
    this.#watch = new MediaWatch(now()); // what the old connection received says nothing about the new one
    await this.#membership.startOver(asSamePeer);
  }

  /**
   * @param {Step} step
   * @param {ParlorError} error
   */
  async #failed(step, error) {
    if (!this.#active || error.reason === "socket_lost") return; // the socket comes back by itself and calls again
    if (error.reason === "resume_unknown") this.#membership.forgetToken();
    else if (step === "resume" && error.reason !== "timeout") this.#membership.forgetMedia();
    else if (isFinal(error)) this.emit("hopeless", error);
    else {
      this.emit("refused", error);
      if (error.retryAfterMs !== null) await pause(error.retryAfterMs);
    }
  }
}

/**
 * Whether trying again is pointless.
 * @param {ParlorError} error
 */
export function isFinal({ reason, retryAfterMs }) {
  return FINAL_REASONS.has(reason) && retryAfterMs === null;
}

/** Milliseconds of a clock that no one sets. */
function now() {
  return performance.now();
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
