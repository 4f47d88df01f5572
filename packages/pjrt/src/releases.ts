import type { Wheel } from '@prunegrid/core/node/wheel';

/** A wheel, and the files of it that a plugin needs. */
export interface PluginWheel extends Wheel {
  readonly files: readonly string[];
}

/** A plugin with the libraries that it loads. */
export interface PluginRelease {
  /** What users call it. */
  readonly name: string;
  readonly title: string;
  /** The first one contains the plugin. */
  readonly wheels: readonly PluginWheel[];
  /** The total size of the files that are unpacked, in bytes. */
  readonly unpackedBytes: number;
}

const wheel = (
  distribution: string,
  version: string,
  platformTag: string,
  sha256: string,
  wheelBytes: number,
  files: readonly string[],
): PluginWheel => ({ distribution, version, platformTag, sha256, wheelBytes, files });

/** XLA's plugin for CPUs. It is for tests: its convolutions are many times slower than TensorFlow's. */
export const cpuPlugin: PluginRelease = {
  name: 'cpu',
  title: "XLA's plugin for CPUs, for tests",
  unpackedBytes: 201_600_336,
  wheels: [
    wheel(
      'lammps-jax-pjrt-cpu',
      '0.11.2',
      'manylinux_2_27_x86_64',
      '1319390d948b39f69f7dade496b7c385149d9ca6097a6b62114da113216d9ad1',
      62_711_338,
      ['lammps_jax_pjrt_cpu/pjrt_c_api_cpu_plugin.so'],
    ),
  ],
};

const cudnn =
  'cudnn cudnn_adv cudnn_cnn cudnn_engines_precompiled cudnn_engines_runtime_compiled cudnn_graph cudnn_heuristic cudnn_ops'
    .split(' ')
    .map((name) => `nvidia/cudnn/lib/lib${name}.so.9`);

/**
 * XLA's plugins for NVIDIA GPUs, the newest version of CUDA first. Beside each plugin lie the libraries whose functions it
 * calls, where its run path finds them, and the programs ptxas and nvlink with libdevice, so that no CUDA has to be
 * installed. cuSOLVER, cuSPARSE and NVSHMEM, which JAX loads as well, are left out: the plugin for CUDA 13 names no function
 * of the first two, and needs the third for exchanges of its own between machines.
 */
export const cudaPlugins: readonly (PluginRelease & { readonly cuda: number })[] = [
  {
    name: 'cuda13',
    cuda: 13,
    title: "XLA's plugin for NVIDIA GPUs, with CUDA 13",
    unpackedBytes: 2_260_652_524,
    // prettier-ignore
    wheels: [
wheel('jax-cuda13-pjrt', '0.12.0.1', 'manylinux_2_27_x86_64', '5899bb6177eda86ea532afb9a26794f2bdd04966f6a01f9028266b16c2b6cf90', 134_922_808, ['jax_plugins/xla_cuda13/xla_cuda_plugin.so']),
wheel('nvidia-cublas', '13.0.2.14', 'manylinux_2_27_x86_64', '0cf238ffdbe46c00cb9aa98e7bca745c223a5ca5a53e686ac8b3e5a08fe80d6c', 420_882_912, ['nvidia/cu13/lib/libcublas.so.13', 'nvidia/cu13/lib/libcublasLt.so.13']),
wheel('nvidia-cuda-cupti', '13.0.85', 'manylinux_2_25_x86_64', '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8', 10_715_597, ['nvidia/cu13/lib/libcupti.so.13']),
wheel('nvidia-cuda-nvcc', '13.0.88', 'manylinux_2_17_x86_64', '56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03', 37_384_532, ['nvidia/cu13/bin/nvlink', 'nvidia/cu13/bin/ptxas']),
wheel('nvidia-cuda-nvrtc', '13.0.88', 'manylinux_2_12_x86_64', 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575', 90_215_200, ['nvidia/cu13/lib/libnvrtc-builtins.so.13.0', 'nvidia/cu13/lib/libnvrtc.so.13']),
wheel('nvidia-cuda-runtime', '13.0.96', 'manylinux_2_17_x86_64', '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548', 2_243_632, ['nvidia/cu13/lib/libcudart.so.13']),
wheel('nvidia-cudnn-cu13', '9.15.1.9', 'manylinux_2_27_x86_64', 'ebc9a647918df0d7298d67cfaf41579fd4c78ead9aba246f5ad9414d61b9ec4c', 351_298_418, cudnn),
wheel('nvidia-cufft', '12.0.0.61', 'manylinux_2_17_x86_64', '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3', 214_085_489, ['nvidia/cu13/lib/libcufft.so.12']),
wheel('nvidia-nccl-cu13', '2.28.9', 'manylinux_2_18_x86_64', 'e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42', 196_493_177, ['nvidia/nccl/lib/libnccl.so.2']),
wheel('nvidia-nvjitlink', '13.0.88', 'manylinux_2_12_x86_64', '13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b', 40_713_933, ['nvidia/cu13/lib/libnvJitLink.so.13']),
wheel('nvidia-nvvm', '13.0.88', 'manylinux_2_12_x86_64', 'c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0', 61_601_415, ['nvidia/cu13/nvvm/libdevice/libdevice.10.bc']),
],
  },
  {
    name: 'cuda12',
    cuda: 12,
    title: "XLA's plugin for NVIDIA GPUs, with CUDA 12",
    unpackedBytes: 3_264_218_152,
    // prettier-ignore
    wheels: [
wheel('jax-cuda12-pjrt', '0.12.0.1', 'manylinux_2_27_x86_64', '5ec28e06198d094031c37590b4ea753ae8cde4879ab4b60baf40f0dffb673286', 191_846_358, ['jax_plugins/xla_cuda12/xla_cuda_plugin.so']),
wheel('nvidia-cublas-cu12', '12.9.3.13', 'manylinux_2_27_x86_64', 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72', 581_217_458, ['nvidia/cublas/lib/libcublas.so.12', 'nvidia/cublas/lib/libcublasLt.so.12']),
wheel('nvidia-cuda-cupti-cu12', '12.9.79', 'manylinux_2_25_x86_64', '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f', 10_814_997, ['nvidia/cuda_cupti/lib/libcupti.so.12']),
wheel('nvidia-cuda-nvcc-cu12', '12.9.86', 'manylinux_2_12_x86_64', '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0', 40_546_229, ['nvidia/cuda_nvcc/bin/ptxas', 'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc']),
wheel('nvidia-cuda-nvrtc-cu12', '12.9.86', 'manylinux_2_12_x86_64', '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4', 89_568_129, ['nvidia/cuda_nvrtc/lib/libnvrtc-builtins.so.12.9', 'nvidia/cuda_nvrtc/lib/libnvrtc.so.12']),
wheel('nvidia-cuda-runtime-cu12', '12.9.79', 'manylinux_2_17_x86_64', '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3', 3_493_179, ['nvidia/cuda_runtime/lib/libcudart.so.12']),
wheel('nvidia-cudnn-cu12', '9.15.1.9', 'manylinux_2_27_x86_64', '343d9b4bdba9df2f4acf5e8d8582fd40b66ee65fa5cff7702d58ebdc0c077dfa', 647_660_669, cudnn),
wheel('nvidia-cufft-cu12', '11.4.1.4', 'manylinux_2_17_x86_64', 'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28', 200_877_592, ['nvidia/cufft/lib/libcufft.so.11']),
wheel('nvidia-nccl-cu12', '2.28.9', 'manylinux_2_18_x86_64', '485776daa8447da5da39681af455aa3b2c2586ddcf4af8772495e7c532c7e5ab', 296_782_137, ['nvidia/nccl/lib/libnccl.so.2']),
wheel('nvidia-nvjitlink-cu12', '12.9.86', 'manylinux_2_12_x86_64', 'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9', 39_748_338, ['nvidia/nvjitlink/lib/libnvJitLink.so.12']),
],
  },
];

/** All plugins that prunegrid can install. They are for Linux on x86-64. */
export const plugins: readonly PluginRelease[] = [...cudaPlugins, cpuPlugin];
