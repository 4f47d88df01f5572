// Plugins, clients, their devices, and errors.
#include <dlfcn.h>

#include "api.h"

namespace prunegrid {

struct Plugin {
  const PJRT_Api* api = nullptr;
};
template <> const char* const Handle<Plugin>::kind = "plugin";
template <> const char* const Handle<Client>::kind = "client";

namespace {

const char* const codes[] = {"OK",          "CANCELLED",     "UNKNOWN",       "INVALID_ARGUMENT",
                             "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
                             "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
                             "UNIMPLEMENTED", "INTERNAL",     "UNAVAILABLE",   "DATA_LOSS",
                             "UNAUTHENTICATED"};

/** A client's options, whose names and values must live until the client is made. */
struct Options {
  std::vector<std::unique_ptr<std::string>> texts;
  std::vector<PJRT_NamedValue> values;
  const std::string& text(std::string value) {
    texts.push_back(std::make_unique<std::string>(std::move(value)));
    return *texts.back();
  }
};

std::shared_ptr<Options> optionsOf(napi_env env, napi_value object) {
  auto options = std::make_shared<Options>();
  napi_value names;
  if (napi_get_property_names(env, object, &names) != napi_ok)
    throw Fault{"INVALID_ARGUMENT", "an object of options is wanted"};
  for (napi_value key : elementsOf(env, names)) {
    napi_value value;
    napi_get_property(env, object, key, &value);
    auto option = PJRT_ARGS(PJRT_NamedValue);
    const std::string& name = options->text(textOf(env, key));
    option.name = name.data();
    option.name_size = name.size();
    option.value_size = 1;
    napi_valuetype type;
    napi_typeof(env, value, &type);
    if (type == napi_string) {
      const std::string& text = options->text(textOf(env, value));
      option.type = PJRT_NamedValue_kString;
      option.string_value = text.data();
      option.value_size = text.size();
    } else if (type == napi_boolean) {
      option.type = PJRT_NamedValue_kBool;
      napi_get_value_bool(env, value, &option.bool_value);
    } else {
      double number;
      if (napi_get_value_double(env, value, &number) != napi_ok)
        throw Fault{"INVALID_ARGUMENT", "option " + name + " is no string, boolean or number"};
      if (number == static_cast<double>(static_cast<int64_t>(number))) {
        option.type = PJRT_NamedValue_kInt64;
        option.int64_value = static_cast<int64_t>(number);
      } else {
        option.type = PJRT_NamedValue_kFloat;
        option.float_value = static_cast<float>(number);
      }
    }
    options->values.push_back(option);
  }
  return options;
}

napi_value describe(napi_env env, const std::shared_ptr<Client>& client) {
  const PJRT_Api* api = client->api;
  napi_value result, kinds;
  napi_create_object(env, &result);
  setProperty(env, result, "handle", wrap(env, client));
  auto name = PJRT_ARGS(PJRT_Client_PlatformName_Args);
  name.client = client->client;
  PJRT_CALL(api, PJRT_Client_PlatformName, name);
  setProperty(env, result, "platform", toText(env, name.platform_name, name.platform_name_size));
  auto version = PJRT_ARGS(PJRT_Client_PlatformVersion_Args);
  version.client = client->client;
  PJRT_CALL(api, PJRT_Client_PlatformVersion, version);
  setProperty(env, result, "version", toText(env, version.platform_version, version.platform_version_size));
  napi_create_array(env, &kinds);
  for (size_t i = 0; i < client->devices.size(); i++) {
    auto description = PJRT_ARGS(PJRT_Device_GetDescription_Args);
    description.device = client->devices[i];
    PJRT_CALL(api, PJRT_Device_GetDescription, description);
    auto kind = PJRT_ARGS(PJRT_DeviceDescription_Kind_Args);
    kind.device_description = description.device_description;
    PJRT_CALL(api, PJRT_DeviceDescription_Kind, kind);
    napi_set_element(env, kinds, i, toText(env, kind.device_kind, kind.device_kind_size));
  }
  setProperty(env, result, "devices", kinds);
  return result;
}

}  // namespace

void check(const PJRT_Api* api, PJRT_Error* error, const char* where) {
  if (!error) return;
  auto message = PJRT_ARGS(PJRT_Error_Message_Args);
  message.error = error;
  api->PJRT_Error_Message(&message);
  auto code = PJRT_ARGS(PJRT_Error_GetCode_Args);
  code.error = error;
  PJRT_Error* unknown = api->PJRT_Error_GetCode(&code);
  const bool known = !unknown && code.code >= 0 && static_cast<size_t>(code.code) < sizeof codes / sizeof *codes;
  Fault fault{known ? codes[code.code] : "UNKNOWN",
              std::string(where) + ": " + std::string(message.message, message.message_size)};
  for (PJRT_Error* each : {error, unknown}) {
    if (!each) continue;
    auto destroy = PJRT_ARGS(PJRT_Error_Destroy_Args);
    destroy.error = each;
    api->PJRT_Error_Destroy(&destroy);
  }
  throw fault;
}

void awaitEvent(const PJRT_Api* api, PJRT_Event* event) {
  auto await = PJRT_ARGS(PJRT_Event_Await_Args);
  await.event = event;
  PJRT_Error* error = api->PJRT_Event_Await(&await);
  auto destroy = PJRT_ARGS(PJRT_Event_Destroy_Args);
  destroy.event = event;
  api->PJRT_Event_Destroy(&destroy);
  check(api, error, "PJRT_Event_Await");
}

Client::~Client() {
  if (!client) return;
  auto destroy = PJRT_ARGS(PJRT_Client_Destroy_Args);
  destroy.client = client;
  api->PJRT_Client_Destroy(&destroy);
}

/** loadPlugin(path): a plugin stays in the process, because libraries of accelerators cannot be unloaded. */
napi_value loadPlugin(napi_env env, const Arguments& arguments) {
  const std::string path = textOf(env, arguments[0]);
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) throw Fault{"NOT_FOUND", dlerror()};
  auto getApi = reinterpret_cast<const PJRT_Api* (*)()>(dlsym(library, "GetPjrtApi"));
  if (!getApi) throw Fault{"INVALID_ARGUMENT", path + " is no PJRT plugin: it has no GetPjrtApi"};
  auto plugin = std::make_shared<Plugin>();
  plugin->api = getApi();
  const auto& version = plugin->api->pjrt_api_version;
  if (version.major_version != PJRT_API_MAJOR)
    throw Fault{"UNIMPLEMENTED", path + " speaks version " + std::to_string(version.major_version) +
                                     " of PJRT's C interface instead of " + std::to_string(PJRT_API_MAJOR)};
  auto initialize = PJRT_ARGS(PJRT_Plugin_Initialize_Args);
  PJRT_CALL(plugin->api, PJRT_Plugin_Initialize, initialize);
  napi_value result;
  napi_create_object(env, &result);
  setProperty(env, result, "handle", wrap(env, plugin));
  setProperty(env, result, "major", toNumber(env, version.major_version));
  setProperty(env, result, "minor", toNumber(env, version.minor_version));
  return result;
}

/** createClient(plugin, options): integers are passed as int64, other numbers as float. */
napi_value createClient(napi_env env, const Arguments& arguments) {
  auto plugin = unwrap<Plugin>(env, arguments[0]);
  auto options = optionsOf(env, arguments[1]);
  auto client = std::make_shared<Client>();
  client->api = plugin->api;
  auto work = [client, options] {
    auto create = PJRT_ARGS(PJRT_Client_Create_Args);
    create.create_options = options->values.data();
    create.num_options = options->values.size();
    PJRT_CALL(client->api, PJRT_Client_Create, create);
    client->client = create.client;
    auto devices = PJRT_ARGS(PJRT_Client_AddressableDevices_Args);
    devices.client = client->client;
    PJRT_CALL(client->api, PJRT_Client_AddressableDevices, devices);
    client->devices.assign(devices.addressable_devices,
                           devices.addressable_devices + devices.num_addressable_devices);
  };
  return promise(env, {}, work, [client](napi_env env) -> napi_value { return describe(env, client); });
}

/** memoryOf(client, device): the bytes of the device's memory, or undefined if the plugin does not say. */
napi_value memoryOf(napi_env env, const Arguments& arguments) {
  auto client = unwrap<Client>(env, arguments[0]);
  const int64_t device = integerOf(env, arguments[1]);
  if (device < 0 || static_cast<size_t>(device) >= client->devices.size())
    throw Fault{"INVALID_ARGUMENT", "there is no device " + std::to_string(device)};
  auto stats = PJRT_ARGS(PJRT_Device_MemoryStats_Args);
  stats.device = client->devices[device];
  try {
    PJRT_CALL(client->api, PJRT_Device_MemoryStats, stats);
  } catch (const Fault& fault) {
    if (fault.code == "UNIMPLEMENTED") return nullptr;
    throw;
  }
  return stats.bytes_limit_is_set ? toNumber(env, static_cast<double>(stats.bytes_limit)) : nullptr;
}

}  // namespace prunegrid
