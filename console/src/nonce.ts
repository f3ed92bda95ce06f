// The server writes a nonce into the page, and browsers obey only styles that bear it. What components make at run time
// goes through here; some of their libraries (scroll locks, measured scroll bars) know nothing of it.
export const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.content;

const create = document.createElement.bind(document);

document.createElement = ((name: string, options?: ElementCreationOptions) => {
  const made = create(name, options);
  if (made instanceof HTMLStyleElement && nonce) made.nonce = nonce;
  return made;
}) as typeof document.createElement;
