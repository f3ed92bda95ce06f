// What this browser remembers of its user's choices. It can be forbidden: then nothing is remembered.
const PREFIX = 'tidegate.';

export function read(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function write(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Forbidden: it is chosen again next time.
  }
}
