// Leaving with something unsaved asks first: another page, the browser's own buttons, and closing the window.
import { use, useCallback, useEffect, useRef } from 'react';
import { UNSAFE_NavigationContext } from 'react-router';

type Navigate = (...given: never[]) => void;

/**
 * `ask` gets what leaves; it is called if that is agreed to. What is given back is to be awaited before another page is
 * opened after saving.
 *
 * The router hears of the browser's buttons before anybody else. So a second entry of the same page is put on top of the
 * history as long as something is unsaved: to go back leads to this page first.
 */
export function useLeaving(isUnsaved: boolean, ask: (leave: () => void) => void): () => Promise<void> {
  const { navigator } = use(UNSAFE_NavigationContext);
  const asking = useRef(ask);
  asking.current = ask;
  const isOnTop = useRef(false);
  useEffect(() => {
    if (!isUnsaved) return;
    const { push } = navigator;
    let isLeaving = false;
    const beforeUnload = (event: BeforeUnloadEvent) => event.preventDefault();
    // Pages are changed by this function alone, as long as the browser's own buttons are not used.
    navigator.push = ((...given: never[]) => {
      if (isLeaving) return (push as Navigate).apply(navigator, given);
      asking.current(() => {
        isLeaving = true;
        (push as Navigate).apply(navigator, given);
      });
    }) as typeof push;
    const cover = () => {
      const state = history.state as { idx?: number } | null;
      history.pushState({ ...state, idx: (state?.idx ?? 0) + 1 }, '', location.href);
      isOnTop.current = true;
    };
    const popped = () => {
      if (isLeaving || !isOnTop.current) return;
      cover();
      asking.current(() => {
        isLeaving = true;
        history.go(-2);
      });
    };
    cover();
    window.addEventListener('beforeunload', beforeUnload);
    window.addEventListener('popstate', popped);
    return () => {
      navigator.push = push;
      window.removeEventListener('beforeunload', beforeUnload);
      window.removeEventListener('popstate', popped);
    };
  }, [isUnsaved, navigator]);
  return useCallback(async () => {
    if (!isOnTop.current) return;
    isOnTop.current = false;
    await new Promise<void>((resolve) => {
      window.addEventListener('popstate', () => resolve(), { once: true });
      history.back();
    });
  }, []);
}
