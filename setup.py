from setuptools import find_packages, setup

setup(
    name="slowfast_thermal",
    version="0.1.0",  # that of CHANGELOG.md and CITATION.cff
    description="Action detection in thermal recordings with PySlowFast",
    packages=[
        *find_packages(include=["slowfast_thermal", "slowfast_thermal.*"]),
        "slowfast_thermal.configs.Thermal",
        "slowfast_thermal_tools",
    ],
    package_dir={"slowfast_thermal.configs.Thermal": "configs/Thermal", "slowfast_thermal_tools": "tools"},
    package_data={
        "slowfast_thermal.configs.Thermal": ["*.yaml"],
        "slowfast_thermal.evaluation": ["report.html"],
        "slowfast_thermal.live.web": ["page.html"],
        "slowfast_thermal.weights": ["*.pyth", "*.json"],
    },
    entry_points={"console_scripts": ["slowfast-thermal = slowfast_thermal_tools.command:main"]},
    python_requires=">=3.10",
    install_requires=[
        "torch>=2.4",
        "torchvision",
        "pyslowfast==1.0",
        "fvcore",
        "iopath",
        "simplejson",
        "defusedxml",
        "h5py",
        "numpy>=1.26",
        "pandas",
        "av",
        "tensorboard",
        "matplotlib",
        "jinja2",
        "pillow>=10.1",
        "tabulate",
        "tqdm",
        "scipy",
        # imported by PySlowFast but not among its requirements
        "opencv-python-headless",
        "psutil",
        "scikit-learn",
        "joblib",
    ],
    extras_require={
        # Recordings compressed with blosc, zstd, lz4 and the like.
        "compression": ["hdf5plugin"],
        # Recordings of others: TIFF files, and radiometric FLIR pictures.
        "tiff": ["tifffile"],
        "flir": ["flyr>=5"],
        # Events to, and frames from, an MQTT broker.
        "mqtt": ["paho-mqtt>=2.0"],
        # The page of a watch (--web).
        "web": ["starlette", "uvicorn"],
        # tools/export.py, and what runs its folders.
        "export": ["onnx", "onnxruntime", "onnxscript"],
        "openvino": ["openvino"],
        "test": [
            "flyr>=5",
            "hdf5plugin",
            "hypothesis",
            "motmetrics",
            "onnx",
            "onnxruntime",
            "onnxscript",
            "openvino",
            "paho-mqtt>=2.0",
            "pytest",
            "pytest-xdist",
            "pytorchvideo==0.1.5",
            "starlette",
            "tifffile",
            "uvicorn",
        ],
    },
)
