/** Bytes of a file's start by which `kindOf` tells what it is. */
export const startBytes = 64;

/** What files are by mistake where data or weights are expected: how they start, and what to do. */
const kinds: readonly { starts: readonly string[]; says: string }[] = [
  {
    starts: ['version https://git-lfs.github.com/spec/'],
    says: 'it is a Git LFS pointer, which stands for the file; fetch the file itself with git lfs pull',
  },
  {
    starts: ['<!doctype html', '<html', '<?xml'],
    says: 'it is a web page, such as a login or an error page; download the file itself again',
  },
  {
    starts: ['pk\x03\x04'],
    says: 'it is a zip archive, such as torch.save writes (.pth, .pt); unpack it, or save the weights from PyTorch with safetensors.torch.save_file',
  },
  {
    starts: ['\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05'],
    says: 'it is a Python pickle, such as torch.save writes; save the weights from Python with safetensors.torch.save_file',
  },
  {
    starts: ['\x89png', '\xff\xd8\xff', 'gif8'],
    says: 'it is a picture; name another file',
  },
  { starts: ['\x1f\x8b'], says: 'it is compressed with gzip; unpack it with gunzip' },
  {
    starts: ['{"', '{\n', '{\r\n', '[{', '{ '],
    says: 'it is JSON text, such as a configuration or an index; name the file with the weights',
  },
];

/**
 * Recognises by its first bytes a file that is none of the binary files that prunegrid reads.
 * @param start the first `startBytes` bytes of the file, or all of a shorter one
 * @returns what the file is and the remedy, to follow the file's name in a message; undefined if it is nothing of the kind
 */
export function kindOf(start: Uint8Array): string | undefined {
  if (start.length === 0) return 'it has 0 bytes; copy or download it again';
  // The length of a safetensors header comes first, and its lower bytes may be those of a pickle or of gzip. But its
  // upper four bytes are zero, since a header has at most 100 MB, and then the header's JSON begins.
  if (start[8] === 0x7b && start.subarray(4, 8).every((byte) => byte === 0)) return undefined;
  const text = Buffer.from(start)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .toLowerCase();
  return kinds.find(({ starts }) => starts.some((prefix) => text.startsWith(prefix)))?.says;
}
