interface Request {
  readonly model?: string | undefined;
  readonly response_format?: unknown;
}

/** Returns true for an interaction that generates a video. */
export function isVideo(request: Request): boolean {
  return request.model?.includes('omni') === true || videoFormat(request) !== undefined;
}

export function videoFormat({ response_format: format }: Request): { delivery?: unknown } | undefined {
  const formats = Array.isArray(format) ? (format as unknown[]) : [format];
  return formats.find((one): one is object => Object(one).type === 'video');
}
