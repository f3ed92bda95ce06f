import './nonce';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { App as Messages } from 'antd';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { BrowserRouter } from 'react-router';
import { Pages } from './pages';
import { Session } from './session';
import './style.css';
import { Theme } from './theme';
import { Words } from './words';

// What changes comes by events; a question is asked again only when somebody looks at it anew.
const questions = new QueryClient({ defaultOptions: { queries: { retry: 1, staleTime: 5_000 } } });

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <Words>
      <Theme>
        <Messages>
          <QueryClientProvider client={questions}>
            <BrowserRouter>
              <Session>
                <Pages />
              </Session>
            </BrowserRouter>
          </QueryClientProvider>
        </Messages>
      </Theme>
    </Words>
  </StrictMode>,
);
