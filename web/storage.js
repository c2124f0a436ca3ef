// The browser's storage, which it may forbid, or which may be full.

export function load(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

// Says whether it was stored.
export function store(storage, name, value) {
  try {
    window[storage].setItem(name, value);
    return true;
  } catch {
    return false;
  }
}
