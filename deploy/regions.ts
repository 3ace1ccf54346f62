import { usageError } from '../cli/errors.ts';

/** Regions of Cloud Run on 2026-11-28: https://cloud.google.com/run/docs/locations. */
const DATE = '2026-11-28';
const REGIONS = `
  africa-south1 asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2
  asia-southeast1 asia-southeast2 asia-southeast3 australia-southeast1 australia-southeast2 europe-central2
  europe-north1 europe-north2 europe-southwest1 europe-west1 europe-west2 europe-west3 europe-west4 europe-west6
  europe-west8 europe-west9 europe-west10 europe-west12 me-central1 me-central2 me-west1 northamerica-northeast1
  northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1 us-central1 us-east1 us-east4
  us-east5 us-south1 us-west1 us-west2 us-west3 us-west4`
  .trim()
  .split(/\s+/);

/** @throws {CliError} `USAGE` where the region is not in the list; `--allow-unknown-region` skips the check. */
export function requireRegion(region: string): void {
  if (REGIONS.includes(region)) return;
  const [continent = ''] = region.split('-');
  const near = REGIONS.filter((name) => name.startsWith(`${continent}-`));
  const known = (near.length > 0 ? near : REGIONS).join(', ');
  throw usageError(
    `--region ${region} is not a region of Cloud Run as of ${DATE}. Use one of ${known}, ` +
      'or add --allow-unknown-region for a newer one.',
  );
}
