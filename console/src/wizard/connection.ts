// Whether a server is there and takes the account.
import { api, asked, Refused } from '../api/client';
import type { Spec } from './draft';

export interface Answered {
  /** `MySQL 9.7.4`; empty if it did not say. */
  server: string;
  milliseconds: number;
}

// The generated client does not know the path yet.
const loose = api as unknown as { POST: (path: string, init: object) => Promise<{ data?: Answered; error?: unknown; response: Response }> };

export async function tryConnection(endpoint: Spec): Promise<Answered> {
  try {
    return await asked(loose.POST('/api/v1/connection', { body: { endpoint } }));
  } catch (error) {
    const isUnknown = error instanceof Refused && [404, 405].includes(error.problem.status);
    if (!isUnknown) throw error;
  }
  // A service that has no such call yet lists the server's tables.
  const began = performance.now();
  await asked(api.POST('/api/v1/tree', { body: { endpoint, database: 'information_schema', objects: undefined as never } }));
  return { server: '', milliseconds: Math.round(performance.now() - began) };
}
