/**
 * The messages of google.firestore.v1 that this server handles, as `protocol.ts` decodes them: int64 as string, enums by
 * name, an absent message as null, absent lists and maps as empty. Each oneof adds a property with the name of the set
 * member; it is missing when no member is set.
 */

export interface TimestampMessage {
  readonly seconds: string;
  readonly nanos: number;
}

export type Fields = Readonly<Record<string, Value>>;

export interface LatLng {
  readonly latitude: number;
  readonly longitude: number;
}

export type NullValue = { readonly valueType: 'nullValue'; readonly nullValue: 'NULL_VALUE' };
export type IntegerValue = { readonly valueType: 'integerValue'; readonly integerValue: string };
export type DoubleValue = { readonly valueType: 'doubleValue'; readonly doubleValue: number };
export type NumberValue = IntegerValue | DoubleValue;
export type ArrayValue = {
  readonly valueType: 'arrayValue';
  readonly arrayValue: { readonly values: readonly Value[] };
};
export type MapValue = { readonly valueType: 'mapValue'; readonly mapValue: { readonly fields: Fields } };
export type Value =
  | NullValue
  | { readonly valueType: 'booleanValue'; readonly booleanValue: boolean }
  | NumberValue
  | { readonly valueType: 'timestampValue'; readonly timestampValue: TimestampMessage }
  | { readonly valueType: 'stringValue'; readonly stringValue: string }
  | { readonly valueType: 'bytesValue'; readonly bytesValue: Buffer }
  | { readonly valueType: 'referenceValue'; readonly referenceValue: string }
  | { readonly valueType: 'geoPointValue'; readonly geoPointValue: LatLng }
  | ArrayValue
  | MapValue;

/** A value as it may arrive: it can also be unset, or of a kind that only pipelines use. */
export type WireValue =
  | Value
  | { readonly valueType?: undefined }
  | {
      readonly valueType:
        | 'fieldReferenceValue'
        | 'variableReferenceValue'
        | 'functionValue'
        | 'pipelineValue';
    };

export interface DocumentMessage {
  readonly name: string;
  readonly fields: Fields;
  readonly createTime: TimestampMessage | null;
  readonly updateTime: TimestampMessage | null;
}

export interface DocumentMask {
  readonly fieldPaths: readonly string[];
}

export type Precondition =
  | { readonly conditionType: 'exists'; readonly exists: boolean }
  | { readonly conditionType: 'updateTime'; readonly updateTime: TimestampMessage }
  | { readonly conditionType?: undefined };

export type FieldTransform = { readonly fieldPath: string } & (
  | {
      readonly transformType: 'setToServerValue';
      readonly setToServerValue: 'SERVER_VALUE_UNSPECIFIED' | 'REQUEST_TIME';
    }
  | { readonly transformType: 'increment'; readonly increment: WireValue }
  | { readonly transformType: 'maximum'; readonly maximum: WireValue }
  | { readonly transformType: 'minimum'; readonly minimum: WireValue }
  | {
      readonly transformType: 'appendMissingElements';
      readonly appendMissingElements: { readonly values: readonly Value[] };
    }
  | {
      readonly transformType: 'removeAllFromArray';
      readonly removeAllFromArray: { readonly values: readonly Value[] };
    }
  | { readonly transformType?: undefined }
);

export type WriteMessage = {
  readonly updateMask: DocumentMask | null;
  readonly updateTransforms: readonly FieldTransform[];
  readonly currentDocument: Precondition | null;
} & (
  | { readonly operation: 'update'; readonly update: DocumentMessage }
  | { readonly operation: 'delete'; readonly delete: string }
  | {
      readonly operation: 'transform';
      readonly transform: { readonly document: string; readonly fieldTransforms: readonly FieldTransform[] };
    }
  | { readonly operation?: undefined }
);

export interface WriteResult {
  readonly updateTime: TimestampMessage | null;
  readonly transformResults: readonly Value[];
}

export interface FieldReference {
  readonly fieldPath: string;
}

export type FieldOperator =
  | 'OPERATOR_UNSPECIFIED'
  | 'LESS_THAN'
  | 'LESS_THAN_OR_EQUAL'
  | 'GREATER_THAN'
  | 'GREATER_THAN_OR_EQUAL'
  | 'EQUAL'
  | 'NOT_EQUAL'
  | 'ARRAY_CONTAINS'
  | 'IN'
  | 'ARRAY_CONTAINS_ANY'
  | 'NOT_IN';

export type UnaryOperator = 'OPERATOR_UNSPECIFIED' | 'IS_NAN' | 'IS_NULL' | 'IS_NOT_NAN' | 'IS_NOT_NULL';

export interface FieldFilter {
  readonly field: FieldReference | null;
  readonly op: FieldOperator;
  readonly value: WireValue | null;
}

export interface UnaryFilter {
  readonly op: UnaryOperator;
  readonly operandType?: 'field';
  readonly field?: FieldReference;
}

export type FilterMessage =
  | {
      readonly filterType: 'compositeFilter';
      readonly compositeFilter: {
        readonly op: 'OPERATOR_UNSPECIFIED' | 'AND' | 'OR';
        readonly filters: readonly FilterMessage[];
      };
    }
  | { readonly filterType: 'fieldFilter'; readonly fieldFilter: FieldFilter }
  | { readonly filterType: 'unaryFilter'; readonly unaryFilter: UnaryFilter }
  | { readonly filterType?: undefined };

export interface OrderMessage {
  readonly field: FieldReference | null;
  readonly direction: 'DIRECTION_UNSPECIFIED' | 'ASCENDING' | 'DESCENDING';
}

export interface CursorMessage {
  readonly values: readonly Value[];
  readonly before: boolean;
}

export type DistanceMeasure = 'DISTANCE_MEASURE_UNSPECIFIED' | 'EUCLIDEAN' | 'COSINE' | 'DOT_PRODUCT';

export interface FindNearestMessage {
  readonly vectorField: FieldReference | null;
  readonly queryVector: WireValue | null;
  readonly distanceMeasure: DistanceMeasure;
  readonly limit: { readonly value: number } | null;
  readonly distanceResultField: string;
  readonly distanceThreshold: { readonly value: number } | null;
}

export interface StructuredQuery {
  readonly select: { readonly fields: readonly FieldReference[] } | null;
  readonly from: readonly { readonly collectionId: string; readonly allDescendants: boolean }[];
  readonly where: FilterMessage | null;
  readonly orderBy: readonly OrderMessage[];
  readonly startAt: CursorMessage | null;
  readonly endAt: CursorMessage | null;
  readonly offset: number;
  readonly limit: { readonly value: number } | null;
  readonly findNearest: FindNearestMessage | null;
}

/** The query oneof of a request. */
export type QueryCarrier =
  | { readonly queryType: 'structuredQuery'; readonly structuredQuery: StructuredQuery }
  | { readonly queryType?: undefined };

export type Aggregation = { readonly alias: string } & (
  | { readonly operator: 'count'; readonly count: { readonly upTo: { readonly value: string } | null } }
  | { readonly operator: 'sum'; readonly sum: { readonly field: FieldReference | null } }
  | { readonly operator: 'avg'; readonly avg: { readonly field: FieldReference | null } }
  | { readonly operator?: undefined }
);

export type TransactionOptions =
  | {
      readonly mode: 'readOnly';
      readonly readOnly:
        | { readonly consistencySelector: 'readTime'; readonly readTime: TimestampMessage }
        | { readonly consistencySelector?: undefined };
    }
  | { readonly mode: 'readWrite'; readonly readWrite: { readonly retryTransaction: Buffer } }
  | { readonly mode?: undefined };

/** The consistency selector oneof of a read request. */
export type ConsistencySelector =
  | { readonly consistencySelector: 'transaction'; readonly transaction: Buffer }
  | { readonly consistencySelector: 'newTransaction'; readonly newTransaction: TransactionOptions }
  | { readonly consistencySelector: 'readTime'; readonly readTime: TimestampMessage }
  | { readonly consistencySelector?: undefined };

export type GetDocumentRequest = {
  readonly name: string;
  readonly mask: DocumentMask | null;
} & ConsistencySelector;

export type BatchGetDocumentsRequest = {
  readonly database: string;
  readonly documents: readonly string[];
  readonly mask: DocumentMask | null;
} & ConsistencySelector;

export type ListDocumentsRequest = {
  readonly parent: string;
  readonly collectionId: string;
  readonly pageSize: number;
  readonly pageToken: string;
  readonly orderBy: string;
  readonly mask: DocumentMask | null;
  readonly showMissing: boolean;
} & ConsistencySelector;

export type ListCollectionIdsRequest = {
  readonly parent: string;
  readonly pageSize: number;
  readonly pageToken: string;
} & ConsistencySelector;

export interface CreateDocumentRequest {
  readonly parent: string;
  readonly collectionId: string;
  readonly documentId: string;
  readonly document: DocumentMessage | null;
  readonly mask: DocumentMask | null;
}

export interface UpdateDocumentRequest {
  readonly document: DocumentMessage | null;
  readonly updateMask: DocumentMask | null;
  readonly mask: DocumentMask | null;
  readonly currentDocument: Precondition | null;
}

export interface DeleteDocumentRequest {
  readonly name: string;
  readonly currentDocument: Precondition | null;
}

export interface BeginTransactionRequest {
  readonly database: string;
  readonly options: TransactionOptions | null;
}

export interface CommitRequest {
  readonly database: string;
  readonly writes: readonly WriteMessage[];
  readonly transaction: Buffer;
}

export interface RollbackRequest {
  readonly database: string;
  readonly transaction: Buffer;
}

export interface BatchWriteRequest {
  readonly database: string;
  readonly writes: readonly WriteMessage[];
}

export type RunQueryRequest = { readonly parent: string } & QueryCarrier & ConsistencySelector;

export type RunAggregationQueryRequest = {
  readonly parent: string;
  readonly queryType?: 'structuredAggregationQuery';
  readonly structuredAggregationQuery?: QueryCarrier & { readonly aggregations: readonly Aggregation[] };
} & ConsistencySelector;

export type PartitionQueryRequest = {
  readonly parent: string;
  readonly partitionCount: string;
  readonly pageToken: string;
  readonly pageSize: number;
} & QueryCarrier &
  ConsistencySelector;

export interface WriteStreamRequest {
  readonly database: string;
  readonly streamId: string;
  readonly writes: readonly WriteMessage[];
  readonly streamToken: Buffer;
}

export type TargetMessage = { readonly targetId: number; readonly once: boolean } & (
  | { readonly targetType: 'query'; readonly query: { readonly parent: string } & QueryCarrier }
  | { readonly targetType: 'documents'; readonly documents: { readonly documents: readonly string[] } }
  | { readonly targetType?: undefined }
) &
  (
    | { readonly resumeType: 'resumeToken'; readonly resumeToken: Buffer }
    | { readonly resumeType: 'readTime'; readonly readTime: TimestampMessage }
    | { readonly resumeType?: undefined }
  );

export type ListenRequest = { readonly database: string } & (
  | { readonly targetChange: 'addTarget'; readonly addTarget: TargetMessage }
  | { readonly targetChange: 'removeTarget'; readonly removeTarget: number }
  | { readonly targetChange?: undefined }
);

export type TargetChangeType = 'NO_CHANGE' | 'ADD' | 'REMOVE' | 'CURRENT' | 'RESET';

/** The responses of a listen stream, without the oneof properties, which encoding does not need. */
export type ListenResponse =
  | {
      readonly targetChange: {
        readonly targetChangeType: TargetChangeType;
        readonly targetIds: readonly number[];
        readonly cause?: { readonly code: number; readonly message: string };
        readonly readTime?: TimestampMessage;
        readonly resumeToken?: Buffer;
      };
    }
  | { readonly documentChange: { readonly document: DocumentMessage; readonly targetIds: readonly number[] } }
  | { readonly documentDelete: DocumentRemoval }
  | { readonly documentRemove: DocumentRemoval };

interface DocumentRemoval {
  readonly document: string;
  readonly removedTargetIds: readonly number[];
  readonly readTime: TimestampMessage;
}
