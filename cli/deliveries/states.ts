import type { DeliveryRecord } from '../../functions/model/delivery.ts';

export const STATES: readonly DeliveryRecord['state'][] = ['pending', 'published', 'quarantined'];
