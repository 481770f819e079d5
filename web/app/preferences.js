/** What the browser remembers for the person: in localStorage, or for this page only where storage is switched off. */

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Memory */

/**
 * @param {() => Storage} open  throws where storage is forbidden
 * @returns {Memory}
 */
function durable(open) {
  try {
    const storage = open();
    storage.setItem("parlor.probe", "");
    storage.removeItem("parlor.probe");
    return storage;
  } catch {
    return volatile();
  }
}

/** @returns {Memory} */
function volatile() {
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

/** Shared by all tabs, for good. */
export const memory = durable(() => localStorage);
/** This tab's, across reloads. */
export const tabMemory = durable(() => sessionStorage);
