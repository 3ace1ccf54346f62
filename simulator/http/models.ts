import { generateContentResponse, generateRequest, promptText } from '../jobs/answers.ts';
import { MARKERS } from '../jobs/markers.ts';
import type { Core } from '../core.ts';
import { ApiError, checked } from '../errors.ts';
import { jsonBody, parameter, route } from './route.ts';
import type { Route, SimulatorContext } from './route.ts';

/** `models.generateContent`, which answers as a batch does. */
export function modelRoutes({ random }: Core): Route[] {
  const generate = async (c: SimulatorContext) => {
    const request = checked(generateRequest, await jsonBody(c));
    if (!promptText(request).includes(MARKERS.error))
      return generateContentResponse(request, parameter(c, 'model'), random);
    throw new ApiError('INVALID_ARGUMENT', "Invalid value at 'contents'");
  };
  return [route('models.generateContent', 'POST /models/:model/~generateContent', generate)];
}
