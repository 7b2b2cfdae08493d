#pragma once

namespace converge::journal {

// The texts of `create_schema` and `migrate_schema`.

extern const char* const kTables;
extern const char* const kIndices;
extern const char* const kSinceVersion2;
extern const char* const kSinceVersion3;
extern const char* const kLastPass;
extern const char* const kSinceVersion5;
extern const char* const kSinceVersion6;
extern const char* const kTakeUnsettledOver;
extern const char* const kDropVersion1;
extern const char* const kPutLastPassAside;
extern const char* const kPutUnsettledAside;
extern const char* const kTakeLastPassOver;
extern const char* const kViews;

}  // namespace converge::journal
