// Light and dark, and what both have in common.
import { ConfigProvider, theme } from 'antd';
import en from 'antd/locale/en_US';
import zh from 'antd/locale/zh_CN';
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from 'react';
import { nonce } from './nonce';
import { read, write } from './remembered';
import { useLanguage } from './words';

export type Scheme = 'light' | 'dark' | 'system';

interface Chosen {
  scheme: Scheme;
  isDark: boolean;
  choose: (scheme: Scheme) => void;
}

const Context = createContext<Chosen>({ scheme: 'system', isDark: false, choose: () => {} });
const DARK = '(prefers-color-scheme: dark)';
const STILL = '(prefers-reduced-motion: reduce)';

// The library's own greys and links are too pale to be read by everybody: each of these has a contrast of 4.5 at least.
const LIGHT_TOKENS = { colorPrimary: '#0064c8', colorLink: '#005bb8', colorTextDescription: '#5f5f5f', colorTextTertiary: '#5f5f5f', colorTextPlaceholder: '#6b6b6b', colorError: '#c9252b', colorErrorBg: '#fff1f0', colorSuccess: '#2a7d0f', colorSuccessBg: '#f0fae8', colorWarning: '#a35c00', colorWarningBg: '#fff8e8', colorInfo: '#0058b0', colorInfoBg: '#eaf4ff' };
const DARK_TOKENS = { colorPrimary: '#357fcb', colorLink: '#62a8f5', colorTextDescription: '#a8a8a8', colorTextTertiary: '#a8a8a8', colorTextPlaceholder: '#979797', colorError: '#ff7875', colorInfo: '#8fc0ff' };
const DARK_PARTS = { Menu: { itemSelectedColor: DARK_TOKENS.colorLink }, Tabs: { itemSelectedColor: DARK_TOKENS.colorLink, itemHoverColor: DARK_TOKENS.colorLink, inkBarColor: DARK_TOKENS.colorLink } };

export function Theme({ children }: { children: ReactNode }) {
  const { language } = useLanguage();
  const [scheme, setScheme] = useState<Scheme>(() => (read('scheme') as Scheme | null) ?? 'system');
  const [prefersDark, setPrefersDark] = useState(() => matchMedia(DARK).matches);
  useEffect(() => {
    const media = matchMedia(DARK);
    const changed = () => setPrefersDark(media.matches);
    media.addEventListener('change', changed);
    return () => media.removeEventListener('change', changed);
  }, []);
  const isDark = scheme === 'dark' || (scheme === 'system' && prefersDark);
  useEffect(() => {
    document.documentElement.dataset.scheme = isDark ? 'dark' : 'light';
  }, [isDark]);
  const chosen = useMemo(() => {
    const choose = (next: Scheme) => {
      write('scheme', next);
      setScheme(next);
    };
    return { scheme, isDark, choose };
  }, [scheme, isDark]);
  return (
    <Context value={chosen}>
      <ConfigProvider
        csp={nonce ? { nonce } : undefined}
        locale={language === 'zh' ? zh : en}
        // A space between two characters is no part of a button's name.
        button={{ autoInsertSpace: false }}
        theme={{
          algorithm: isDark ? theme.darkAlgorithm : theme.defaultAlgorithm,
          token: { ...(isDark ? DARK_TOKENS : LIGHT_TOKENS), borderRadius: 2, fontSize: 13, motion: !matchMedia(STILL).matches },
          components: { Layout: { headerHeight: 50, headerPadding: '0 16px' }, Table: { cellPaddingBlockSM: 6 }, ...(isDark ? DARK_PARTS : {}) },
        }}
      >
        {children}
      </ConfigProvider>
    </Context>
  );
}

export function useScheme(): Chosen {
  return use(Context);
}
