// Time that passes, said once a second.
import { useEffect, useState } from 'react';

/** The service's clock may differ from this computer's: seconds only, never less than none. */
export function useSeconds(until: string | null | undefined, isRunning = true): number | null {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!until || !isRunning) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [until, isRunning]);
  if (!until) return null;
  return Math.round((new Date(until).getTime() - now) / 1000);
}
