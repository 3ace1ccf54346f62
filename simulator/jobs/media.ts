import { crc32, deflateSync } from 'node:zlib';
import { bytesContent } from '../files/content.ts';
import type { Content } from '../files/content.ts';
import type { Random } from '../random.ts';

const IMAGE_SIDE = 64;
const SAMPLE_RATE = 24_000;
const AUDIO_SECONDS = 0.25;

/** A PNG image of one colour, 64 pixels wide and high. */
export function pngImage(label: string, random: Random): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(IMAGE_SIDE, 0);
  header.writeUInt32BE(IMAGE_SIDE, 4);
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.of(0), Buffer.alloc(IMAGE_SIDE * 3, random.bytes(`image/${label}`, 3))]);
  const pixels = deflateSync(Buffer.concat(Array.from({ length: IMAGE_SIDE }, () => row)));
  const signature = Buffer.from('\u0089PNG\r\n\u001A\n', 'latin1');
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', pixels), pngChunk('IEND')]);
}

/** A quarter of a second of a tone: 16-bit PCM, one channel, 24 kHz. */
export function pcmAudio(label: string, random: Random): Buffer {
  const hertz = 220 + Math.floor(random.fraction(`audio/${label}`) * 660);
  const samples = Array.from({ length: SAMPLE_RATE * AUDIO_SECONDS }, (_, index) => {
    return Math.round(Math.sin((2 * Math.PI * hertz * index) / SAMPLE_RATE) * 8_000);
  });
  return Buffer.from(Int16Array.from(samples).buffer);
}

/** The same tone as a WAV file. */
export function wavAudio(label: string, random: Random): Buffer {
  const samples = pcmAudio(label, random);
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + samples.length, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.set([1, 0, 1, 0], 20);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.set([2, 0, 16, 0], 32);
  header.write('data', 36);
  header.writeUInt32LE(samples.length, 40);
  return Buffer.concat([header, samples]);
}

/** Bytes that begin like an MP4 file; no player can show them. */
export function videoContent(label: string, sizeBytes: number, random: Random): Content {
  const header = Buffer.from('\0\0\0\u0018ftypmp42\0\0\0\0mp42isom', 'latin1');
  return bytesContent(Buffer.concat([header, random.bytes(`video/${label}`, sizeBytes - header.length)]));
}

function pngChunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
