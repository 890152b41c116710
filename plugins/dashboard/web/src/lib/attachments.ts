/** A file that goes with a prompt. */
export interface Attachment {
  readonly name: string;
  readonly media_type: string;
  readonly data: string;
  readonly bytes: number;
}

const MAX_FILES = 20;
/** The gateway accepts bodies of up to 10 MiB, and base64 makes files a third longer. */
const MAX_BYTES = 7 * 1024 ** 2;

/** The files with those that were there before, read; rejects with an Error whose message is for the user. */
export async function attached(
  before: readonly Attachment[],
  files: Iterable<File>,
): Promise<readonly Attachment[]> {
  const all = [...before];
  for (const file of files) {
    if (file.size === 0) throw new Error(`${file.name} is empty`);
    const sum = all.reduce((total, { bytes }) => total + bytes, file.size);
    if (sum > MAX_BYTES) throw new Error(`files must have at most 7 MB together; ${file.name} is too much`);
    all.push({ name: file.name, media_type: file.type, data: await inBase64(file), bytes: file.size });
  }
  if (all.length > MAX_FILES) throw new Error(`a prompt must have at most ${MAX_FILES} files`);
  return all;
}

function inBase64(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      const url = String(reader.result);
      resolve(url.slice(url.indexOf(",") + 1));
    });
    reader.addEventListener("error", () => reject(new Error(`${file.name} cannot be read`)));
    reader.readAsDataURL(file);
  });
}
