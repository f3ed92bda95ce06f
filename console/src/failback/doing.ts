import type { Question } from '../shown/confirm';
import type { Asking } from './asking';

/** How parts of the page have something done: the dialog that asks first, and what is asked of the service then. */
export interface Doing {
  asking: Asking;
  ask: (question: Question) => void;
}
