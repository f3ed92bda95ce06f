// The region that somebody looks at, right of the title. It is remembered.
import { useQuery } from '@tanstack/react-query';
import { Select } from 'antd';
import { useState } from 'react';
import { api, asked } from '../api/client';
import { read, write } from '../remembered';
import { useWords } from '../words';
import { dictionary } from './words';

export function useRegion(): [string, (region: string) => void] {
  const [region, setRegion] = useState(() => read('region') ?? '');
  return [
    region,
    (next) => {
      write('region', next);
      setRegion(next);
    },
  ];
}

export function RegionSelect({ region, onChange }: { region: string; onChange: (region: string) => void }) {
  const words = useWords(dictionary);
  const service = useQuery({ queryKey: ['service'], queryFn: () => asked(api.GET('/api/v1/service')), staleTime: Number.POSITIVE_INFINITY });
  const names = Object.keys(service.data?.regions ?? {});
  // One that the settings do not have any more would show an empty list for no reason that anybody sees.
  const value = region === '' || names.includes(region) || !service.data ? region : '';
  if (value !== region) onChange('');
  return (
    <Select
      aria-label={words.region}
      value={value}
      onChange={onChange}
      style={{ minWidth: 130 }}
      popupMatchSelectWidth={false}
      options={[{ value: '', label: words.allRegions }, ...names.map((name) => ({ value: name, label: name }))]}
    />
  );
}
