// What all files of the addon share: errors, calls of the plugin's functions, and handles that JavaScript holds.
#pragma once

#define NAPI_VERSION 8
#include <node_api.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "openxla/pjrt_c_api.h"

namespace prunegrid {

/** An error of the plugin or of the addon's caller. `code` is the name of one of PJRT's codes, such as NOT_FOUND. */
struct Fault {
  std::string code;
  std::string message;
};

/** Throws a Fault if `error` is set, and frees it. `where` names the function that failed. */
void check(const PJRT_Api* api, PJRT_Error* error, const char* where);

/** Returns arguments of a plugin's function that are zero apart from their size. */
template <class Args>
Args sized(size_t size) {
  Args args{};
  args.struct_size = size;
  return args;
}
#define PJRT_ARGS(Type) sized<Type>(Type##_STRUCT_SIZE)

// An older plugin has a shorter table of functions, so each function is looked for before it is called.
#define PJRT_CALL(api, function, args)                                                                     \
  do {                                                                                                     \
    if (offsetof(PJRT_Api, function) + sizeof((api)->function) > (api)->struct_size || !(api)->function)   \
      throw Fault{"UNIMPLEMENTED", "the plugin has no " #function};                                        \
    check((api), (api)->function(&(args)), #function);                                                     \
  } while (false)

/** A client of a plugin with its devices. It lives until the last buffer and executable of it is gone. */
struct Client {
  const PJRT_Api* api = nullptr;
  PJRT_Client* client = nullptr;
  std::vector<PJRT_Device*> devices;
  ~Client();
};

/** Values on a device. */
struct Buffer {
  std::shared_ptr<Client> owner;
  PJRT_Buffer* buffer = nullptr;
  ~Buffer();
};

/** A compiled program on the devices of a client. */
struct Executable {
  std::shared_ptr<Client> owner;
  PJRT_LoadedExecutable* executable = nullptr;
  size_t outputs = 0;
  ~Executable();
};

/**
 * What JavaScript holds of a native object. A call that is in progress holds another reference, so that a release never
 * frees what is in use.
 */
template <class T>
struct Handle {
  static const char* const kind;
  const char* tag = kind;
  std::shared_ptr<T> object;
};

template <> const char* const Handle<Client>::kind;
template <> const char* const Handle<Buffer>::kind;
template <> const char* const Handle<Executable>::kind;

napi_value throwFault(napi_env env, const Fault& fault);
napi_value errorOf(napi_env env, const Fault& fault);

std::string textOf(napi_env env, napi_value value);
int64_t integerOf(napi_env env, napi_value value);
std::vector<napi_value> elementsOf(napi_env env, napi_value list);
/** The memory of a typed array. It is valid while the array is referenced. */
struct Bytes {
  void* data;
  size_t size;
};
Bytes bytesOf(napi_env env, napi_value array);

napi_value toText(napi_env env, const char* data, size_t size);
napi_value toNumber(napi_env env, double value);
void setProperty(napi_env env, napi_value object, const char* name, napi_value value);

template <class T>
napi_value wrap(napi_env env, std::shared_ptr<T> object) {
  auto* handle = new Handle<T>();
  handle->object = std::move(object);
  napi_value value;
  napi_create_external(
      env, handle, [](napi_env, void* data, void*) { delete static_cast<Handle<T>*>(data); }, nullptr, &value);
  return value;
}

template <class T>
Handle<T>* handleOf(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_valuetype type;
  napi_typeof(env, value, &type);
  if (type != napi_external || napi_get_value_external(env, value, &data) != napi_ok || !data)
    throw Fault{"INVALID_ARGUMENT", std::string("a handle of a ") + Handle<T>::kind + " is wanted"};
  // Every handle begins with the address of its kind's name, whatever it holds.
  if (*static_cast<const char* const*>(data) != Handle<T>::kind)
    throw Fault{"INVALID_ARGUMENT", std::string("a handle of another kind than ") + Handle<T>::kind};
  return static_cast<Handle<T>*>(data);
}

template <class T>
std::shared_ptr<T> unwrap(napi_env env, napi_value value) {
  auto object = handleOf<T>(env, value)->object;
  if (!object) throw Fault{"FAILED_PRECONDITION", std::string("the ") + Handle<T>::kind + " was released"};
  return object;
}

/**
 * Runs `work` on a thread of Node's pool, and returns a promise of what `finish` makes of it on JavaScript's thread.
 * `keep` lists JavaScript values, such as typed arrays, that must live until then.
 */
napi_value promise(napi_env env, std::vector<napi_value> keep, std::function<void()> work,
                   std::function<napi_value(napi_env)> finish);

/** Waits for an event and frees it. It blocks, so it belongs to `work` of a promise. */
void awaitEvent(const PJRT_Api* api, PJRT_Event* event);

using Arguments = std::vector<napi_value>;
napi_value loadPlugin(napi_env env, const Arguments& arguments);
napi_value createClient(napi_env env, const Arguments& arguments);
napi_value memoryOf(napi_env env, const Arguments& arguments);
napi_value compile(napi_env env, const Arguments& arguments);
napi_value serialize(napi_env env, const Arguments& arguments);
napi_value deserialize(napi_env env, const Arguments& arguments);
napi_value execute(napi_env env, const Arguments& arguments);
napi_value copyToDevice(napi_env env, const Arguments& arguments);
napi_value copyToHost(napi_env env, const Arguments& arguments);
napi_value releaseBuffer(napi_env env, const Arguments& arguments);
napi_value releaseExecutable(napi_env env, const Arguments& arguments);

}  // namespace prunegrid
