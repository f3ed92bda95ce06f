// What this page asks of the service.
import { useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { api, asked, type Command, type Schemas } from '../api/client';
import { KEYS } from '../api/live';

export type How = Schemas['Takeover'];

/** Every call, and after it everything that is shown is asked for anew. */
export function useAsking() {
  const questions = useQueryClient();
  return useMemo(() => {
    const then = async <T>(answer: Promise<T>): Promise<T> => {
      const got = await answer;
      for (const key of [KEYS.instance, KEYS.instances, KEYS.history]) void questions.invalidateQueries({ queryKey: [key] });
      return got;
    };
    const at = (id: string) => ({ path: { id } });
    return {
      command: (id: string, command: Command) => then(asked(api.POST('/api/v1/instances/{id}/{command}', { params: { path: { id, command } }, body: { generation: null } }))),
      takeOver: (id: string, body: How) => then(asked(api.POST('/api/v1/instances/{id}/takeover', { params: at(id), body }))),
      createReverse: (id: string, body: Schemas['NewReverse']) => then(asked(api.POST('/api/v1/instances/{id}/reverse', { params: at(id), body }))),
      settle: (id: string, body: Schemas['SettleConflicts']) => then(asked(api.POST('/api/v1/instances/{id}/conflicts', { params: at(id), body }))),
      policy: (id: string, body: Schemas['ConflictPolicy']) => then(asked(api.PUT('/api/v1/instances/{id}/policy', { params: at(id), body }))),
    };
  }, [questions]);
}

export type Asking = ReturnType<typeof useAsking>;
