// Which page stands at which address. Pages are loaded when they are first needed.
import { Spin } from 'antd';
import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { Frame } from './layout/frame';

const Tasks = lazy(() => import('./tasks/page'));
const Task = lazy(() => import('./task/page'));
const Wizard = lazy(() => import('./wizard/page'));
const Failback = lazy(() => import('./failback/page'));
const Tracking = lazy(() => import('./admin/tracking'));
const Alerts = lazy(() => import('./admin/alerts'));
const Users = lazy(() => import('./admin/users'));
const Audit = lazy(() => import('./admin/audit'));
const Settings = lazy(() => import('./admin/settings'));

export function Pages() {
  return (
    <Frame>
      <Suspense fallback={<Spin style={{ display: 'block', margin: '80px auto' }} />}>
        <Routes>
          <Route path="/" element={<Navigate to="/sync" replace />} />
          <Route path="/sync" element={<Tasks kind="sync" />} />
          <Route path="/migration" element={<Tasks kind="migration" />} />
          <Route path="/tracking" element={<Tracking />} />
          {/* ?kind=migration; with :id, a task that was not started is configured anew. */}
          <Route path="/new" element={<Wizard />} />
          <Route path="/configure/:id" element={<Wizard />} />
          <Route path="/tasks/:id" element={<Task />} />
          <Route path="/failback/:id" element={<Failback />} />
          <Route path="/alerts" element={<Alerts />} />
          <Route path="/users" element={<Users />} />
          <Route path="/audit" element={<Audit />} />
          <Route path="/settings" element={<Settings />} />
          <Route path="*" element={<Navigate to="/sync" replace />} />
        </Routes>
      </Suspense>
    </Frame>
  );
}
