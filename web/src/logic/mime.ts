// The first JPEG of a mail, as bytes. Only what the hub itself writes is understood: multipart, base64.
const MAIL_MAX = 16 * 1024 * 1024;

export function mailPicture(raw: string): Uint8Array<ArrayBuffer> | undefined {
  if (raw.length > MAIL_MAX) return undefined;
  const head = /^content-type:\s*image\/jpeg/im.exec(raw);
  if (!head) return undefined;
  const rest = raw.slice(head.index);
  const body = /\r?\n\r?\n/.exec(rest);
  if (!body) return undefined;
  const coded = /^[A-Za-z0-9+/=\s]+/
    .exec(rest.slice(body.index + body[0].length))?.[0]
    .replace(/\s+/g, "");
  if (!coded) return undefined;
  try {
    const bytes = atob(coded);
    return Uint8Array.from(bytes, (c) => c.charCodeAt(0));
  } catch {
    return undefined;
  }
}
