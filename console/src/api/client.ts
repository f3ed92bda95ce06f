// Every call of the service goes through here.
import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Instance = Schemas['Instance'];
export type Problem = Schemas['Problem'];
export type Status = Schemas['Status'];
export type Command = Schemas['Command'];

/** What the service refused, as it said it. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

// No other site can send this header, so a request that carries it was made by this page.
const ours: Middleware = {
  onRequest: ({ request }) => {
    request.headers.set('X-Tidegate-Console', '1');
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: '/' });
api.use(ours);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The answer's data; a refusal is thrown as [`Refused`], a service that is away as one, too. */
export async function asked<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch {
    throw new Refused(away);
  }
  if (got.response.ok) return got.data as T;
  const problem = got.error as Partial<Problem> | undefined;
  throw new Refused({ ...away, status: got.response.status, ...problem });
}

const away: Problem = {
  type: '',
  title: 'No answer',
  status: 0,
  code: '',
  detail: 'the service does not answer',
  remedy: 'see whether it runs, and reload the page',
};

/** For what was thrown by [`asked`]. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  return { ...away, title: 'Fault of the console', detail: String(error), remedy: 'reload the page' };
}
