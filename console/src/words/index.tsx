// Words for people, in two languages. Each part of the console has its own dictionary beside its pages.
import { createContext, type ReactNode, use, useMemo, useState } from 'react';
import { read, write } from '../remembered';

export type Language = 'en' | 'zh';

interface Chosen {
  language: Language;
  choose: (language: Language) => void;
}

const Context = createContext<Chosen>({ language: 'en', choose: () => {} });

export function Words({ children }: { children: ReactNode }) {
  const preferred = navigator.language.startsWith('zh') ? 'zh' : 'en';
  const [language, setLanguage] = useState<Language>(() => (read('language') as Language | null) ?? preferred);
  const chosen = useMemo(() => {
    document.documentElement.lang = language;
    const choose = (next: Language) => {
      write('language', next);
      setLanguage(next);
    };
    return { language, choose };
  }, [language]);
  return <Context value={chosen}>{children}</Context>;
}

export function useLanguage(): Chosen {
  return use(Context);
}

/** The words of a dictionary in the chosen language. Both languages have the same words: the compiler sees to it. */
export function useWords<T>(dictionary: { en: T; zh: T }): T {
  return dictionary[use(Context).language];
}
