import { generateContentResponse, generateRequest, promptText } from '../answers.ts';
import type { Core } from '../core.ts';
import { ApiError, checked } from '../errors.ts';
import { jsonBody, parameter } from './route.ts';
import type { Route } from './route.ts';

/** `models.generateContent`, which answers as a batch does. */
export function modelRoutes({ random }: Core): Route[] {
  return [
    {
      method: 'models.generateContent',
      http: 'POST',
      path: '/models/:model/~generateContent',
      handle: async (c) => {
        const request = checked(generateRequest, await jsonBody(c));
        if (promptText(request).includes('[error]')) {
          throw new ApiError('INVALID_ARGUMENT', "Invalid value at 'contents'");
        }
        return generateContentResponse(request, parameter(c, 'model'), random);
      },
    },
  ];
}
