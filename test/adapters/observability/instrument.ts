import { createRequire } from 'node:module';
import { context } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { ExpressInstrumentation, type ExpressLayerType } from '@opentelemetry/instrumentation-express';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** Receives the spans of this process. */
export const exporter = new InMemorySpanExporter();

// As in a host's own file for `node --import`: it runs before Express is loaded.
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const ignoreLayersType = (process.env.IGNORED_LAYERS ?? '').split(',').filter(Boolean) as ExpressLayerType[];
registerInstrumentations({
  tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  instrumentations: [new HttpInstrumentation(), new ExpressInstrumentation({ ignoreLayersType })],
});

// The instrumentations replace functions in CommonJS modules when these are first required.
const require = createRequire(import.meta.url);
require('node:http');
require('express');
