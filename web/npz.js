// Writes arrays as NumPy's .npz: a zip file, not compressed, with an .npy file for each array.

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

// `arrays` maps a name to { type, shape, data }: NumPy's name of the type ("|u1") and its bytes. Returns a Blob.
export function npz(arrays) {
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [name, array] of Object.entries(arrays)) {
    const file = npy(array);
    const path = new TextEncoder().encode(`${name}.npy`);
    const fields = header(file, path);
    const local = join(Uint8Array.of(0x50, 0x4b, 3, 4), fields, path, file);
    const attributes = new Uint8Array(14); // no comment, disk 0, no attributes; the file's offset is last
    new DataView(attributes.buffer).setUint32(10, offset, true);
    directory.push(join(Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), fields, attributes, path));
    parts.push(local);
    offset += local.length;
  }
  const central = join(...directory);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, parts.length, true);
  end.setUint16(10, parts.length, true);
  end.setUint32(12, central.length, true);
  end.setUint32(16, offset, true);
  return new Blob([...parts, central, end.buffer], { type: "application/zip" });
}

function npy({ type, shape, data }) {
  const dimensions = shape.length === 1 ? `(${shape},)` : `(${shape.join(", ")})`;
  const head = `{'descr': '${type}', 'fortran_order': False, 'shape': ${dimensions}, }`;
  const padded = head.padEnd(Math.ceil((head.length + 11) / 64) * 64 - 11) + "\n";
  const start = Uint8Array.of(0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, padded.length & 255, padded.length >> 8);
  return join(start, new TextEncoder().encode(padded), data);
}

// Returns the 26 bytes that a file has both before its content and in the directory.
function header(file, path) {
  const view = new DataView(new ArrayBuffer(26));
  view.setUint16(0, 20, true); // the version of zip that reads it
  view.setUint16(8, 0x21, true); // 1 January 1980
  view.setUint32(10, crc32(file), true);
  view.setUint32(14, file.length, true);
  view.setUint32(18, file.length, true);
  view.setUint16(22, path.length, true);
  return new Uint8Array(view.buffer);
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function join(...arrays) {
  const all = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let offset = 0;
  for (const array of arrays) {
    all.set(array, offset);
    offset += array.length;
  }
  return all;
}
