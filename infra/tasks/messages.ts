/**
 * The messages of google.cloud.tasks.v2 in the form of the proto loader: camelCase, enums by name, bytes as Buffer, absent
 * fields omitted. Only the fields that this server reads or writes are declared.
 */

export interface TimestampMessage {
  readonly seconds?: number;
  readonly nanos?: number;
}

type DurationMessage = TimestampMessage;

export interface RateLimitsMessage {
  readonly maxDispatchesPerSecond?: number;
  readonly maxBurstSize?: number;
  readonly maxConcurrentDispatches?: number;
}

export interface RetryConfigMessage {
  readonly maxAttempts?: number;
  readonly maxRetryDuration?: DurationMessage;
  readonly minBackoff?: DurationMessage;
  readonly maxBackoff?: DurationMessage;
  readonly maxDoublings?: number;
}

export type QueueStateName = 'RUNNING' | 'PAUSED';

export interface QueueMessage {
  readonly name?: string;
  readonly appEngineRoutingOverride?: object;
  readonly rateLimits?: RateLimitsMessage;
  readonly retryConfig?: RetryConfigMessage;
  readonly state?: string;
  readonly purgeTime?: TimestampMessage;
  readonly stackdriverLoggingConfig?: { readonly samplingRatio?: number };
}

interface OidcTokenMessage {
  readonly serviceAccountEmail?: string;
  readonly audience?: string;
}

export interface HttpRequestMessage {
  readonly url?: string;
  /** A name, or the number of a method that the loaded proto version does not define. */
  readonly httpMethod?: string | number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly oidcToken?: OidcTokenMessage;
  readonly oauthToken?: object;
}

export interface AttemptMessage {
  readonly scheduleTime?: TimestampMessage;
  readonly dispatchTime?: TimestampMessage;
  readonly responseTime?: TimestampMessage;
  readonly responseStatus?: { readonly code?: number; readonly message?: string };
}

export interface TaskMessage {
  readonly name?: string;
  readonly appEngineHttpRequest?: object;
  readonly httpRequest?: HttpRequestMessage;
  readonly scheduleTime?: TimestampMessage;
  readonly createTime?: TimestampMessage;
  readonly dispatchDeadline?: DurationMessage;
  readonly dispatchCount?: number;
  readonly responseCount?: number;
  readonly firstAttempt?: AttemptMessage;
  readonly lastAttempt?: AttemptMessage;
  readonly view?: string;
}

/** Request of GetQueue, DeleteQueue, PurgeQueue, PauseQueue, ResumeQueue and DeleteTask. */
export interface NameRequest {
  readonly name?: string;
}

/** Request of GetTask and RunTask. */
export interface TaskRequest extends NameRequest {
  readonly responseView?: string;
}

export interface ListRequest {
  readonly parent?: string;
  readonly filter?: string;
  readonly pageSize?: number;
  readonly pageToken?: string;
  readonly responseView?: string;
}

export interface ListQueuesResponse {
  readonly queues: readonly QueueMessage[];
  readonly nextPageToken: string;
}

export interface ListTasksResponse {
  readonly tasks: readonly TaskMessage[];
  readonly nextPageToken: string;
}

export interface CreateQueueRequest {
  readonly parent?: string;
  readonly queue?: QueueMessage;
}

export interface UpdateQueueRequest {
  readonly queue?: QueueMessage;
  readonly updateMask?: { readonly paths?: readonly string[] };
}

export interface CreateTaskRequest {
  readonly parent?: string;
  readonly task?: TaskMessage;
  readonly responseView?: string;
}

export type EmptyMessage = Readonly<Record<string, never>>;
